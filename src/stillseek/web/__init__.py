"""The service: a page and a REST interface over one localizer and one library."""
