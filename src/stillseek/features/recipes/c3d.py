"""C3D, the 3D convolutional network that section 6.1 encodes clips with."""

from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn, relu
from torch.nn.functional import max_pool3d

from stillseek.features.weights.state_dict import load_parameters, read_state_dict

CLIP_FRAMES = 16
CLIP_STRIDE_FRAMES = 8
SIDE_PIXELS = 112
FEATURE_DIM = 4096

# Channel means of Sports-1M's mean volume, blue first as the network sees them.
_MEAN_BGR = (90.25, 97.66, 101.41)


class C3D(nn.Module):
    """Clips of 16 frames to the activations of ``fc7`` (Tran et al. 2015).

    Parameters have the names and shapes of the PyTorch conversion of the Sports-1M weights
    (``C3D_model.py`` of github.com/DavideA/c3d-pytorch, commit 076d40e), without ``fc8``.
    ActivityNet's published features are ``fc7`` too; whether before or after the rectifier is not
    said: after it, as the network of the authors leaves them.

    Deviation: the mean is one number a channel, not a volume of 16 x 128 x 171 pixels, which does
    not fit frames that are squashed to 112 x 112 as section 6.1 says.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, 64, 3, padding=1)
        self.conv2 = nn.Conv3d(64, 128, 3, padding=1)
        self.conv3a = nn.Conv3d(128, 256, 3, padding=1)
        self.conv3b = nn.Conv3d(256, 256, 3, padding=1)
        self.conv4a = nn.Conv3d(256, 512, 3, padding=1)
        self.conv4b = nn.Conv3d(512, 512, 3, padding=1)
        self.conv5a = nn.Conv3d(512, 512, 3, padding=1)
        self.conv5b = nn.Conv3d(512, 512, 3, padding=1)
        self.fc6 = nn.Linear(512 * 4 * 4, FEATURE_DIM)
        self.fc7 = nn.Linear(FEATURE_DIM, FEATURE_DIM)

    def forward(
        self, clips: UInt8[Tensor, "batch frame height width 3"]
    ) -> Float[Tensor, "batch feature"]:
        """Features of RGB clips of 16 x 112 x 112, in the network's own precision."""
        dtype = self.fc6.weight.dtype
        mean = torch.tensor(_MEAN_BGR, device=clips.device)
        # (B, T, H, W, 3) -> (B, 3, T, H, W), which is channels_last_3d without a copy.
        x = (clips.flip(-1) - mean).permute(0, 4, 1, 2, 3).to(dtype)
        x = max_pool3d(relu(self.conv1(x)), (1, 2, 2))
        x = max_pool3d(relu(self.conv2(x)), 2)
        x = max_pool3d(relu(self.conv3b(relu(self.conv3a(x)))), 2)
        x = max_pool3d(relu(self.conv4b(relu(self.conv4a(x)))), 2)
        # Caffe, which trained the weights, rounds sizes up: 7 x 7 becomes 4 x 4.
        x = max_pool3d(relu(self.conv5b(relu(self.conv5a(x)))), 2, ceil_mode=True)
        # fc6 counts channel, row, column.
        return relu(self.fc7(relu(self.fc6(x.contiguous().flatten(1)))))

    @classmethod
    def load(cls, path: Path) -> "C3D":
        """The network with the weights of a file, ``c3d.pickle`` or the like.

        Raises:
            FeatureError: The file is missing, is not a plain state dict, or is another network's.
        """
        with torch.device("meta"):
            network = cls()
        weights = read_state_dict(path)
        # The classes of Sports-1M are not needed.
        weights = {key: value for key, value in weights.items() if not key.startswith("fc8.")}
        load_parameters(network, weights, source=path)
        return network
