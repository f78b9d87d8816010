"""Failures that people see: what was wrong, what was expected, what to do."""


class StillseekError(Exception):
    """Work that failed for a reason the user can act on; the command line exits with 1."""


class UsageError(StillseekError):
    """The request itself is wrong (an argument, a combination); the command line exits with 2."""


class MediaError(StillseekError):
    """A video or image file cannot be read or written."""


class DatasetError(StillseekError):
    """A manifest, annotation or predictions file is broken."""


class FeatureError(StillseekError):
    """Features are missing, corrupt, or come from another recipe."""


class UnusableFeaturesError(FeatureError):
    """A recipe gave features of one video or image that cannot be kept; others may be fine."""


class CorruptFeaturesError(FeatureError):
    """Features that were read are not those that were written, or are another recipe's."""


class LibraryError(StillseekError):
    """A library of videos is missing, broken, in use, or of another recipe or version."""


class CheckpointError(StillseekError):
    """A checkpoint is missing, corrupt, or belongs to another recipe or configuration."""


class InstallationError(StillseekError):
    """A package that this request needs is not installed; the message says what to install."""


class TruncatedMediaWarning(UserWarning):
    """A media file ends early: what decodes is used, and the message says how much is missing."""


class NotDrawnWarning(UserWarning):
    """A recipe for drawn video is used on a video that does not look drawn."""
