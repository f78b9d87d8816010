"""Trains the pocket encoder on rendered pictures of seen classes."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from stillseek.features.recipes.pocket_encoder import PocketEncoder
from stillseek.files import replacing
from stillseek.synthetic.rendered.pictures import render_pictures
from stillseek.synthetic.rendered.streams import class_split
from stillseek.training.encoder_config import EncoderTrainConfig


def augment(
    images: Float[Tensor, "batch 3 height width"], generator: torch.Generator
) -> Float[Tensor, "batch 3 height width"]:
    """Random crop, flip, gain, colour cast, blur and noise; every image its own."""
    batch = len(images)

    def draw(low: float | int, high: float | int, *shape: int) -> Tensor:
        return torch.rand(shape, generator=generator) * (high - low) + low

    zoom_x, zoom_y = draw(0.66, 1.1, batch), draw(0.72, 1.1, batch)
    flip = (draw(0, 1, batch) < 0.5).float() * -2 + 1
    theta = torch.zeros(batch, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = zoom_x * flip, zoom_y
    theta[:, 0, 2] = draw(-1, 1, batch) * (1.1 - zoom_x) * 0.7
    theta[:, 1, 2] = draw(-1, 1, batch) * (1.1 - zoom_y) * 0.7
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    images = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    soft = F.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)
    images = torch.lerp(images, soft, draw(-0.3, 1.0, batch, 1, 1, 1).clamp(min=0))
    images = images * draw(0.75, 1.25, batch, 1, 1, 1) * draw(0.9, 1.1, batch, 3, 1, 1)
    noise = torch.randn(images.shape, generator=generator) * draw(0, 0.03, batch, 1, 1, 1)
    return (images + noise).clamp(0, 1)


def contrastive_loss(
    features: Float[Tensor, "batch dim"], labels: Int64[Tensor, " batch"], temperature: float
) -> Float[Tensor, ""]:
    """Supervised contrastive loss (Khosla et al. 2020) over one batch."""
    features = F.normalize(features.float(), dim=-1)
    logits = features @ features.T / temperature
    itself = torch.eye(len(labels), dtype=torch.bool)
    log_p = logits - logits.masked_fill(itself, -torch.inf).logsumexp(1, keepdim=True)
    same = (labels[:, None] == labels[None]) & ~itself
    count = same.sum(1)
    per_picture = -(log_p * same).sum(1) / count.clamp(min=1)
    # A batch without any pair has nothing to pull together, and no loss.
    return per_picture.sum() / (count > 0).sum().clamp(min=1)


@torch.inference_mode()
def retrieval_auc(
    encoder: PocketEncoder,
    images: UInt8[np.ndarray, "picture side side 3"],
    labels: Int64[np.ndarray, " picture"],
) -> float:
    """Chance that a picture is nearer to one of its class than to one of another class.

    This is what localization with an image asks of the features: a target clip against the
    distractors, with looks that all differ.
    """
    encoder.eval()
    tensors = torch.from_numpy(images).permute(0, 3, 1, 2)
    features = torch.cat(
        [encoder.embed_frames(encoder.features(batch)) for batch in tensors.split(128)]
    )
    features = F.normalize(features, dim=-1)
    similarity = features @ features.T
    targets = torch.from_numpy(labels)
    aucs = []
    for row in range(len(targets)):
        same = targets == targets[row]
        same[row] = False
        other = similarity[row, targets != targets[row]].sort().values
        ranks = torch.searchsorted(other, similarity[row, same].contiguous())
        aucs.append(ranks.float().mean().item() / len(other))
    return float(np.mean(aucs))


def train_encoder(
    config: EncoderTrainConfig,
    out: Path,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, object]:
    """Trains on seen classes, keeps the epoch that is best on validation classes.

    Args:
        config: Settings.
        out: Gets ``pocket_encoder.safetensors`` (half precision) and ``encoder.json``.
        on_progress: Called with the steps done and the steps in all.

    Returns:
        The training summary, as in ``encoder.json``.
    """
    started = time.perf_counter()
    classes = class_split(config.class_seed)
    side = config.side_pixels
    images, labels = render_pictures(
        (*classes["train"], None), config.pictures, seed=(config.seed, 11), side_pixels=side
    )
    held_out = render_pictures(
        classes["validation"], config.validation_pictures, seed=(config.seed, 12), side_pixels=side
    )
    rendered_seconds = time.perf_counter() - started

    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    encoder = PocketEncoder().to(memory_format=torch.channels_last)
    proxies = nn.Parameter(torch.randn(len(classes["train"]) + 1, encoder.config.embedding_dim))
    optimizer = torch.optim.AdamW(
        [*encoder.parameters(), proxies], weight_decay=config.weight_decay
    )
    steps_a_epoch = len(images) // config.batch_size
    steps = steps_a_epoch * config.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=steps, pct_start=0.15
    )
    best, history = -math.inf, []
    out.mkdir(parents=True, exist_ok=True)
    for epoch in range(config.epochs):
        encoder.train()
        order = torch.randperm(len(images), generator=generator).numpy()
        total = 0.0
        for step in range(steps_a_epoch):
            index = order[step * config.batch_size : (step + 1) * config.batch_size]
            batch = torch.from_numpy(images[index]).permute(0, 3, 1, 2).float() / 255
            batch = augment(batch, generator)
            target = torch.from_numpy(labels[index])
            with torch.autocast("cpu", torch.bfloat16):
                features = encoder.embed_frames(encoder.features(batch))
            cosine = F.normalize(features, dim=-1) @ F.normalize(proxies, dim=-1).T
            loss = F.cross_entropy(config.scale * cosine, target, label_smoothing=0.05)
            loss = loss + 0.5 * contrastive_loss(features, target, 0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
            if on_progress:
                on_progress(epoch * steps_a_epoch + step + 1, steps)
        auc = retrieval_auc(encoder, *held_out)
        history.append(
            {"epoch": epoch, "loss": total / max(1, steps_a_epoch), "validation_auc": auc}
        )
        if auc > best:
            best = auc
            encoder.save(out / "pocket_encoder.safetensors")
    summary: dict[str, object] = {
        "config": asdict(config),
        "parameters": sum(p.numel() for p in encoder.parameters()),
        "seen_classes": [a.name for a in classes["train"]],
        "validation_classes": [a.name for a in classes["validation"]],
        "best_validation_auc": best,
        "history": history,
        "render_seconds": rendered_seconds,
        "total_seconds": time.perf_counter() - started,
    }
    with replacing(out / "encoder.json") as place:
        place.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary
