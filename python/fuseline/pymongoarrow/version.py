"""The version of PyMongoArrow whose interface this is."""

__version__ = "1.15.0"
