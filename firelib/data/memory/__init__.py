"""Memory and scratch space of the transform: an estimate before it runs, an explanation when there is too little."""
