"""Networks that ship, and those that others published: downloaded, verified, found."""
