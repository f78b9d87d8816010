"""stillseek: show it a picture, and it finds the moment in the video."""

__version__ = "0.1.0"
