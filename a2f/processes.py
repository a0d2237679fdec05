"""Where a training computes: its device, and the processes that share it through Hugging Face Accelerate."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from a2f.errors import BadInput

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator
    from torch import nn

# How long one process may be late, at the features of a large data set say; who has died is noticed at once.
PATIENCE = timedelta(hours=2)


def launched() -> tuple[int, int]:
    """Return this process' place, from zero, and how many were started with it.

    `torchrun` and `accelerate launch` say so in the environment, as RANK and WORLD_SIZE.

    Raises
    ------
    BadInput
        If one is there without the other, or they do not fit.
    """
    found = {name: os.environ.get(name) for name in ("RANK", "WORLD_SIZE")}
    if found["WORLD_SIZE"] is None and {"ACCELERATE_USE_CPU", "MASTER_PORT"} <= set(os.environ):
        # without it, what was meant to be shared would be done once by one process and nobody would know
        raise BadInput(
            "`accelerate launch` was asked for several processes on CPUs, of which it starts one; start them with "
            "torchrun, or with `accelerate launch --multi_gpu`, which runs on CPUs too"
        )
    if found["WORLD_SIZE"] in (None, "1"):
        return 0, 1
    try:
        place, count = int(found["RANK"] or ""), int(found["WORLD_SIZE"] or "")
    except ValueError:
        place, count = -1, 0
    if not 0 <= place < count:
        raise BadInput(
            f"the environment has RANK={found['RANK']} and WORLD_SIZE={found['WORLD_SIZE']}, expected two numbers as "
            "torchrun or `accelerate launch` set them; start with one of these, or unset both"
        )
    return place, count


def usable_device(name: str) -> torch.device:
    """Return a device by name, ``"cpu"`` or ``"cuda"``; where several processes share a machine, each its own GPU.

    Raises
    ------
    BadInput
        If it is another, or there is none on this machine, or fewer GPUs than processes.
    """
    import torch

    if name not in ("cpu", "cuda"):
        raise BadInput(f"device is {name!r}, expected 'cpu' or 'cuda'")
    if name == "cpu":
        return torch.device(name)
    if not torch.cuda.is_available():
        raise BadInput(
            f"there is no CUDA device that torch {torch.__version__} can use here; give device 'cpu', or install the "
            "CUDA build of torch"
        )
    if launched()[1] == 1:
        return torch.device(name)
    local, there = os.environ.get("LOCAL_RANK", ""), torch.cuda.device_count()
    if not local.isdigit() or int(local) >= there:
        raise BadInput(
            f"process LOCAL_RANK={local} of this machine has no GPU, of which there are {there}; start as many "
            "processes on a machine as it has GPUs, with torchrun or `accelerate launch`"
        )
    return torch.device(name, int(local))


class Processes:
    """The processes of one training; with one, every method gives back what it is given.

    Parameters
    ----------
    accelerator : Accelerator, optional
        None for one process.
    """

    def __init__(self, accelerator: Accelerator | None = None) -> None:
        self._accelerator = accelerator
        self.index = 0 if accelerator is None else accelerator.process_index
        self.count = 1 if accelerator is None else accelerator.num_processes

    @property
    def main(self) -> bool:
        """True in the one process that writes files and shows progress."""
        return self.index == 0

    def share(self, length: int) -> slice:
        """Return this process' part of so many things; the parts follow each other and differ by one at most."""
        return slice(self.index * length // self.count, (self.index + 1) * length // self.count)

    def wait(self) -> None:
        """Go on when all processes have come here."""
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()

    def gather(self, values: list[Any]) -> list[Any]:
        """Return the values of all processes, in their order."""
        if self._accelerator is None:
            return values
        from accelerate.utils import gather_object

        return gather_object(values)

    def sum(self, value: float) -> float:
        """Return the sum of a number over all processes, the same in each."""
        if self._accelerator is None:
            return value
        import torch

        held = torch.tensor([value], dtype=torch.float64, device=self._accelerator.device)
        return float(self._accelerator.reduce(held, "sum"))

    def agree(self, value: Any, what: str) -> None:
        """Refuse to go on where processes found different things in the folder of a run.

        Raises
        ------
        BadInput
            In all of them.
        """
        found = self.gather([value])
        for index, other in enumerate(found):
            if other != found[0]:
                raise BadInput(
                    f"process {index} finds {what} {other}, the main process {found[0]}; the folder has to lie on a "
                    "disk that all processes see"
                )

    def wrap(self, module: nn.Module, all_learn: bool) -> nn.Module:
        """Return a module whose gradients are averaged over the processes; what was wrapped before is let go.

        Parameters
        ----------
        module : nn.Module
        all_learn : bool
            Every weight gets a gradient in every step; if not, those that do have to be looked for.
        """
        if self._accelerator is None:
            return module
        self._accelerator.free_memory()  # hooks of an earlier wrapping would average the same weights again
        self._accelerator.ddp_handler.find_unused_parameters = not all_learn
        return self._accelerator.prepare_model(module)


def together(device: torch.device) -> Processes:
    """Return the processes that were launched with this one, connected: by gloo on CPUs, by NCCL on GPUs.

    Raises
    ------
    BadInput
        If Accelerate is set up for another way to share than by whole copies of the model.
    """
    if launched()[1] == 1:
        return Processes()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # else Accelerate takes several threads, which add in another order
    from accelerate import Accelerator
    from accelerate.utils import DistributedDataParallelKwargs, DistributedType, InitProcessGroupKwargs

    accelerator = Accelerator(
        cpu=device.type == "cpu",
        mixed_precision="no",
        kwargs_handlers=[DistributedDataParallelKwargs(), InitProcessGroupKwargs(timeout=PATIENCE)],
    )
    if accelerator.distributed_type not in (DistributedType.MULTI_CPU, DistributedType.MULTI_GPU):
        raise BadInput(
            f"Accelerate is set up for {accelerator.distributed_type.value}, expected plain processes on CPUs or GPUs; "
            "start with torchrun, or `accelerate launch --multi_gpu`"
        )
    return Processes(accelerator)


def part() -> None:
    """Close the connections of `together`, at the end of a program."""
    if launched()[1] > 1:
        import torch

        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
