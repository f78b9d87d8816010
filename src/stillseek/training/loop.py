"""The training loop: Adam, weight average, early stopping, resume, logs; one for every model."""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration
from torch import nn

from stillseek.data.augmentation import check_one_space
from stillseek.data.batching import BatchLoader, batch_indices, num_steps_of, worker_failures
from stillseek.data.example import Batch, Example, StepTargets
from stillseek.errors import StillseekError, UsageError
from stillseek.files import remove_left_over
from stillseek.models.catalog import LocalizerModel, model_name
from stillseek.models.checkpoint_header import RUN_CONFIG_FILE
from stillseek.models.inputs import blind_query
from stillseek.records import write_text_atomic
from stillseek.training.average import WeightAverage
from stillseek.training.config import EpochRecord, TrainConfig, TrainResult
from stillseek.training.losses import Loss, loss_for
from stillseek.training.progress import COLLAPSED, TrainingProgress, describe_size
from stillseek.training.state import (
    STATE_FILE,
    load_state,
    load_weights,
    read_run,
    refuse_other_run,
    save_state,
    save_tensors,
)
from stillseek.training.validation import Validation

EPOCHS_FILE = "epochs.jsonl"
BEST_FILE = "best.safetensors"


def train(
    model: LocalizerModel,
    train_data: Sequence[Example],
    val_data: Sequence[Example],
    config: TrainConfig,
    out_dir: Path,
    *,
    resume: bool = False,
    quiet: bool = False,
) -> TrainResult:
    """Trains a model by its loss (`loss_for`) and keeps the epoch with the best validation mIoU.

    Every random number of an epoch comes from (seed, epoch, process), so a run that was stopped
    and resumed ends with the same bits as one that was not. Under ``torchrun`` each batch is
    split over the processes.

    Args:
        model: Any model that has weights; ends with the best epoch's.
        train_data: Examples to learn from.
        val_data: Examples to choose the epoch on; never test data.
        config: How to train.
        out_dir: Run folder: configuration, epoch log, TensorBoard events, state, best weights.
        resume: Go on with the run in ``out_dir``; where it has no finished epoch, begin.
        quiet: Say nothing on stderr: no progress, no scores, no warning.

    Raises:
        UsageError: The model has nothing to train, an option has no effect on it, there is no
            example, ``out_dir`` holds a run already, or the run in it has another configuration.
        CheckpointError: The state in ``out_dir`` cannot be read or belongs to another model.
        StillseekError: The loss is not finite.
        KeyboardInterrupt: Training was interrupted; the message says how to go on.
    """
    if not train_data or not val_data:
        raise UsageError(
            f"training needs examples, got {len(train_data)} to train on and {len(val_data)} to "
            "validate on; check the splits of the manifest"
        )
    if config.augmentation.rotation:
        widths = model.config
        check_one_space(widths.clip_dim, widths.region_dim, widths.global_dim)
    targets = StepTargets(train_data)
    loss = loss_for(model, targets, joint=config.joint_loss, softness=config.boundary_softness)
    run = _Run(model, loss, train_data, val_data, config, out_dir, quiet=quiet)
    try:
        run.start(resume=resume)
        with run.progress, worker_failures():
            while not run.finished:
                run.epoch()
        return run.finish()
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(run.interruption()) from error
    finally:
        run.close()


class _Run:
    """One call of `train`."""

    def __init__(
        self,
        model: LocalizerModel,
        loss: Loss,
        train_data: Sequence[Example],
        val_data: Sequence[Example],
        config: TrainConfig,
        folder: Path,
        *,
        quiet: bool,
    ) -> None:
        self.model, self.loss, self.config, self.folder = model, loss, config, folder
        self.records: list[EpochRecord] = []
        # Precision is autocast's business below: accelerate keeps it in process-wide state that
        # a second run could not change.
        self.accelerator = Accelerator(
            mixed_precision="no",
            # Else ranks without a GPU would not know of each other, and train a head each.
            cpu=not torch.accelerator.is_available(),
            log_with="tensorboard",
            project_config=ProjectConfiguration(project_dir=str(folder)),
        )
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        self.train_loader = BatchLoader(
            train_data, num_workers=config.num_workers, augmentation=config.augmentation
        )
        share = val_data[rank::world]
        self.average = WeightAverage(model, config.weight_average)
        self.validation = Validation(self.average.model, train_data, val_data, share, config)
        self.optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
        self.progress = TrainingProgress(quiet=quiet or not self.accelerator.is_main_process)

    @property
    def _models(self) -> dict[str, nn.Module]:
        """What the state has of weights, by name."""
        return {"model": self.model, "average": self.average.model}

    @property
    def best(self) -> EpochRecord:
        """The first epoch with the highest validation mIoU."""
        return max(self.records, key=lambda record: record.validation_miou)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done or the last ones brought nothing."""
        done = len(self.records)
        stale = done > 0 and done - 1 - self.best.epoch >= self.config.patience
        return done >= self.config.max_epochs or stale

    def start(self, *, resume: bool) -> None:
        """Begins the run or loads its last finished epoch."""
        state = self.folder / STATE_FILE
        if state.exists():
            if not resume:
                raise UsageError(
                    f"{self.folder} already holds a training run; go on with it by --resume "
                    "(resume=True), or choose another folder"
                )
            stored = read_run(state)
            refuse_other_run(
                self.folder,
                then=stored["config"] | stored.get("model", {}),
                now=asdict(self.config) | self._model_settings(),
            )
            load_state(state, self._models, self.optimizer)
            self.records = [EpochRecord(**record) for record in stored["epochs"]]
        self.wrapped, self.stepper = self.accelerator.prepare(self.model, self.optimizer)
        self.average.model.to(self.accelerator.device)
        self.accelerator.init_trackers("tensorboard")
        if self.accelerator.is_main_process:
            remove_left_over(self.folder)
            self._write_log()
            text = json.dumps(asdict(self.config), indent=2)
            write_text_atomic(self.folder / RUN_CONFIG_FILE, text + "\n")
        self.progress.say(describe_size(self.model))

    def epoch(self) -> None:
        """Trains and validates one epoch, then writes the state."""
        epoch, began = len(self.records), time.perf_counter()
        # numpy mixes the three numbers, so that neighbouring seeds and epochs share nothing.
        mixed = np.random.SeedSequence(
            (self.config.seed, epoch, self.accelerator.process_index)
        ).generate_state(1, np.uint64)
        torch.manual_seed(int(mixed[0]))
        loss = self._train_epoch(epoch)
        miou, miou_independent = self._validate()
        record = EpochRecord(
            epoch=epoch,
            train_loss=loss,
            validation_miou=miou,
            validation_miou_independent=miou_independent,
            seconds=time.perf_counter() - began,
            prior=self.validation.prior,
            prior_miou=self.validation.prior_miou,
            ignores_query=self.validation.ignores_query(),
        )
        self.records.append(record)
        self.progress.tell(self.records)
        values = {
            name: float(value)
            for name, value in asdict(record).items()
            if name not in ("epoch", "prior") and value is not None
        }
        self.accelerator.log(values, step=epoch)
        if self.accelerator.is_main_process:
            self._write(record)
        self.accelerator.wait_for_everyone()

    def finish(self) -> TrainResult:
        """Loads the best epoch's weights into the model."""
        weights = self.folder / BEST_FILE
        load_weights(self.model, safetensors.torch.load_file(weights))
        if self.best.ignores_query:
            self.progress.say(f"warning: the epoch that is kept, {self.best.epoch}, {COLLAPSED}")
        return TrainResult(
            best_epoch=self.best.epoch,
            best_miou=self.best.validation_miou,
            prior=self.validation.prior,
            prior_miou=self.validation.prior_miou,
            epochs=tuple(self.records),
            weights=weights,
        )

    def interruption(self) -> str:
        """What to say when the user stops the run."""
        if not self.records:
            return "training stopped before the first epoch was finished; start it again"
        return (
            f"training stopped after {len(self.records)} finished epochs; their state is in "
            f"{self.folder}: train with --resume (resume=True) to go on"
        )

    def close(self) -> None:
        """Ends the processes that load examples, and the logs."""
        self.train_loader.close()
        self.validation.close()
        self.accelerator.end_training()

    def _train_epoch(self, epoch: int) -> float:
        self.wrapped.train()
        draw = (self.config.seed, epoch)
        batches = batch_indices(
            len(self.train_loader.data),
            self.config.batch_size,
            shuffle=draw,
            num_steps=self._num_steps,
        )
        # The last batch may have too few examples for all processes.
        batches = [share for indices in batches if (share := self._share(indices))]
        self.progress.begin(epoch, len(batches))
        total, count = 0.0, 0
        for step, batch in enumerate(self.train_loader.load(batches, draw=draw)):
            done = epoch * len(batches) + step
            for group in self.optimizer.param_groups:
                group["lr"] = self.config.rate(done, self.config.max_epochs * len(batches))
            loss = self._step(batch)
            if not math.isfinite(loss):
                raise StillseekError(
                    f"the loss became {loss} in epoch {epoch}, step {step}; lower learning_rate "
                    "or set gradient_clip"
                )
            self.average.update(self.model, done)
            total += loss * len(batch)
            count += len(batch)
            self.progress.step(loss)
        sums = torch.tensor([total, count], device=self.accelerator.device)
        reduced = self.accelerator.reduce(sums)
        assert isinstance(reduced, torch.Tensor)
        return (reduced[0] / reduced[1]).item()

    @cached_property
    def _num_steps(self) -> tuple[int, ...] | None:
        """Length of every training example, where batches depend on it."""
        return num_steps_of(self.train_loader.data) if self.config.bucket_by_length else None

    def _step(self, batch: Batch) -> float:
        batch = batch.to(self.accelerator.device)
        is_bf16 = self.config.precision == "bf16"
        with torch.autocast(self.accelerator.device.type, torch.bfloat16, enabled=is_bf16):
            output = self.wrapped(
                blind_query(batch.inputs) if self.config.query_blind else batch.inputs
            )
        loss = self.loss(output, batch.inputs.clip_mask, batch.start_step, batch.end_step)
        self.stepper.zero_grad()
        self.accelerator.backward(loss)
        if self.config.gradient_clip is not None:
            self.accelerator.clip_grad_norm_(self.wrapped.parameters(), self.config.gradient_clip)
        self.stepper.step()
        return loss.item()

    def _validate(self) -> tuple[float, float | None]:
        return self.validation.score(self.accelerator.device, self.progress.validate)

    def _share(self, indices: list[int]) -> list[int]:
        """This process's equal part of a batch; what cannot be divided is left out."""
        world = self.accelerator.num_processes
        return indices[: len(indices) // world * world][self.accelerator.process_index :: world]

    def _write(self, record: EpochRecord) -> None:
        # The best weights first: a kill in between repeats this epoch and writes them again.
        if self.best is record:
            save_tensors(self.folder / BEST_FILE, self.average.model.state_dict(), {})
        save_state(
            self.folder / STATE_FILE,
            self._models,
            self.optimizer,
            {
                "config": asdict(self.config),
                "model": self._model_settings(),
                "epochs": [asdict(epoch) for epoch in self.records],
            },
        )
        self._write_log()

    def _write_log(self) -> None:
        """The records as a file; the state has them, too, and they come from there."""
        if self.records:
            log = "".join(json.dumps(asdict(epoch)) + "\n" for epoch in self.records)
            write_text_atomic(self.folder / EPOCHS_FILE, log)

    def _model_settings(self) -> dict[str, Any]:
        """What the weights alone do not tell, as JSON gives it back."""
        settings = {
            "model": model_name(self.model),
            **asdict(self.model.config),
            # Of other examples, and of drawn streams in place of them.
            "num_train_examples": len(self.train_loader.data),
        }
        return json.loads(json.dumps(settings))
