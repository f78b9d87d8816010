"""Many videos into a store: by this process, a share of them, or Ray."""
