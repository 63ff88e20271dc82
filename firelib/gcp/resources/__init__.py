"""Google Cloud's resources through its REST APIs: create, find again, check and delete what belongs to a cluster."""
