"""How papermill starts the kernels of our notebooks: this Python, forked where that is possible."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

PROGRAM = [sys.executable, "-P", str(Path(__file__).with_name("forks.py"))]
_TURN = threading.Lock()
for _name in ("papermill", "asyncio"):  # a dead kernel is our own error
    logging.getLogger(_name).setLevel(logging.CRITICAL)


@functools.cache
def _forks() -> subprocess.Popen[str]:
    """The process that forks kernels, in a session of its own: Ctrl-C is the parent's."""
    pipe = subprocess.PIPE
    return subprocess.Popen(PROGRAM, stdin=pipe, stdout=pipe, text=True, start_new_session=True)


@atexit.register
def stop() -> None:
    """End all kernels that were forked."""
    if _forks.cache_info().currsize:
        with _forks() as forks:
            os.killpg(forks.pid, signal.SIGTERM)
        _forks.cache_clear()


class _Kernel(psutil.Process):
    """A forked kernel, as a provisioner wants a process to be."""

    stdin = stdout = stderr = None

    def poll(self) -> int | None:
        return None if self.is_running() else 0

    def send_signal(self, sig: int) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            super().send_signal(sig)


class _Forked(LocalProvisioner):
    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        order = json.dumps([cmd[len(PROGRAM) :], str(options["cwd"])])
        with _TURN:
            forks = _forks()
            assert forks.stdin and forks.stdout
            print(order, file=forks.stdin, flush=True)
            self.process = _Kernel(int(forks.stdout.readline()))
        return self.connection_info


class Manager(AsyncKernelManager):
    """Starts kernels of this Python, whatever kernels the user has."""

    shutdown_wait_time = 60  # a busy machine may let it wait
    kernel_spec = KernelSpec(argv=[*PROGRAM, "-f", "{connection_file}"], language="python")

    async def _async_pre_start_kernel(self, **options: Any) -> Any:
        if sys.platform == "linux":  # elsewhere it is not safe to fork after imports
            self.provisioner = _Forked(kernel_id="", kernel_spec=self.kernel_spec, parent=self)
        return await super()._async_pre_start_kernel(**options)
