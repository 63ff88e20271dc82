"""Ray as firelib uses it: connect to a cluster, or start Ray on this machine."""
