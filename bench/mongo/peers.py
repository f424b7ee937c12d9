"""Makes the environments of the peers: `peers.py CHECKOUT`, your copy of mongodb/bson-numpy."""

import pathlib
import subprocess
import sys
import venv

FOLDER = pathlib.Path.home() / ".cache" / "fuseline" / "bench-peers"
PYMONGOARROW = FOLDER / "pymongoarrow" / "bin" / "python"
BSON_NUMPY = FOLDER / "bsonnumpy" / "bin" / "python"


def make(name, *packages):
    venv.create(FOLDER / name, with_pip=True, clear=True)
    python = FOLDER / name / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def compile_bson_numpy(python, checkout):
    """The module of 2019 against the NumPy it was written for."""
    script = "import numpy, sysconfig as s; print(numpy.get_include(), s.get_path('include'), s.get_path('purelib'))"
    output = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True).stdout
    numpy, headers, packages = output.split()
    source = checkout / "bsonnumpy"
    package = pathlib.Path(packages) / "bsonnumpy"
    package.mkdir(exist_ok=True)
    files = [str(path) for pattern in ("*.c", "*/*.c") for path in source.glob(pattern)]
    includes = [f"-I{place}" for place in (numpy, headers, source, source / "bson", source / "common")]
    options = ["-O3", "-w", "-fPIC", "-shared", "-std=gnu99", "-DBSON_COMPILATION"]
    target = package / "_cbsonnumpy.so"
    subprocess.run(["cc", *options, *includes, *files, "-o", target, "-lpthread", "-lrt"], check=True)
    for name in ("__init__.py", "version.py"):
        (package / name).write_bytes((source / name).read_bytes())


if __name__ == "__main__":
    make("pymongoarrow", "pymongoarrow==1.15.0", "pymongo==4.20.0", "pandas", "numpy")
    compile_bson_numpy(make("bsonnumpy", "numpy<2"), pathlib.Path(sys.argv[1]))
    print(f"ready in {FOLDER}")
