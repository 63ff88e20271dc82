"""`firelib data gc`: remove from the storage root what no git revision, working tree or run needs.

1. `git_history` lists every content that dvc.lock, lake.json and manifest.json have had in any commit.
2. `dvc_objects` reads what a dvc.lock names, from DVC's cache or its remote.
3. `references` parses both: tables, datasets and runs that something needs, and what could not be read.
4. `stored` lists what the storage root holds, and `generation_files` which shards and other files records name.
5. `plan` compares both. What is not known to be unneeded stays.
6. `remove` removes what the plan names.
"""
