"""What a figure was measured on."""

import datetime
import os
import pathlib
import platform
import subprocess


def output(*command, folder="."):
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def describe(project):
    """The processor, the memory, the versions and the commit."""
    import numpy

    cpu = [
        line.split(":")[1].strip()
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    memory = pathlib.Path("/proc/meminfo").read_text().split("\n")[0].split()[1]
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": cpu[0] if cpu else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory) / 2**20, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "clang": output("clang-19", "--version").split("\n")[0],
        "commit": output("git", "describe", "--always", "--dirty", folder=project),
        "load_average": os.getloadavg(),
    }
