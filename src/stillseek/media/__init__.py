"""Video files and images, in and out: probe, decode, sample, read, write, cut."""

from stillseek.media.cut import cut
from stillseek.media.decode import Frame, decode, frame_at, frames_at, sample
from stillseek.media.image import read_image, rgb_of
from stillseek.media.probe import VideoInfo, probe
from stillseek.media.remux import copy_cut, copy_suffix
from stillseek.media.write import VideoWriter

__all__ = [
    "Frame",
    "VideoInfo",
    "VideoWriter",
    "copy_cut",
    "copy_suffix",
    "cut",
    "decode",
    "frame_at",
    "frames_at",
    "probe",
    "read_image",
    "rgb_of",
    "sample",
]
