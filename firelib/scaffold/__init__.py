"""`firelib init`: write a project for a dataset: look at the data, draft a recipe, and add the files around it."""
