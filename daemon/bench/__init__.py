"""How fast this machine is: a real daemon between two other processes, and beside it its engine alone."""
