"""Features on disk: written once, shared by many writers, safe to interrupt."""
