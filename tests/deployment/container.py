"""A service of docker-compose.yml in the cage that the file describes, without Docker.

A mount namespace has the image's file system read-only, with exactly the volumes and temporary
folders of the service; the process is user 1000 without capabilities and cannot gain any. Libraries
are those of the test run, the pack is its own wheel. What this cannot show is what the official
image contains.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("unshare", "mount", "chroot", "setpriv")
SITE = "/home/ftuser/site"  # of the image: where pip installed the pack
PACKAGES = ("regimekit", "providers", "replay", "experiments", "rehearsal", "doctor")
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/opt", "/dev", "/proc")


def services(*files: str) -> dict[str, dict[str, Any]]:
    """Return the services of compose files, later ones over earlier ones as Compose merges them."""
    merged: dict[str, dict[str, Any]] = {}
    for file in files or ("docker-compose.yml",):
        for name, service in yaml.safe_load((ROOT / file).read_text())["services"].items():
            known = merged.setdefault(name, {})
            environment = known.get("environment", {}) | service.get("environment", {})
            known |= service | {"environment": environment}
    return merged


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """Return a value with its variables filled in, as Compose does; KeyError where one lacks."""

    def value(match: re.Match[str]) -> str:
        name, operator, word = match["name"], match["operator"], match["word"]
        if given := variables.get(name, ""):
            return given
        if operator == ":-":
            return word
        raise KeyError(f"{name}: {word}")

    return re.sub(r"\$\{(?P<name>\w+)(?P<operator>:[-?])(?P<word>[^}]*)\}", value, text)


def environment_of(service: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a service's processes."""
    return {
        name: interpolated(str(value), variables) for name, value in service["environment"].items()
    }


@dataclass(frozen=True)
class Image:
    """What the Dockerfile puts into the image, as folders.

    Attributes
    ----------
    pack : Path
        Becomes ``/pack``.
    site : Path
        The unpacked wheel.
    """

    pack: Path
    site: Path


def image(folder: Path) -> Image:
    """Build the wheel and copy what the Dockerfile copies."""
    source, built = folder / "source", Image(folder / "pack", folder / "site")
    source.mkdir(parents=True)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=source,
        check=True,
        capture_output=True,
    )
    with zipfile.ZipFile(next(folder.glob("regimerouter-*.whl"))) as wheel:
        wheel.extractall(built.site)
    ignored = shutil.ignore_patterns("__pycache__", "*.json")
    shutil.copytree(ROOT / "scripts", built.pack / "scripts", ignore=ignored)
    shutil.copytree(ROOT / "config", built.pack / "config")
    strategies = built.pack / "user_data" / "strategies"
    shutil.copytree(ROOT / "user_data" / "strategies", strategies, ignore=ignored)
    shutil.copy(ROOT / "user_data" / "config.json", built.pack / "user_data")
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return built


def require_cage() -> None:
    """Skip where no mount namespace can be made."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    made = subprocess.run(
        ["unshare", "--mount", "mount", "--make-rprivate", "/"],  # noqa: S607 - found above
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("needs the right to make a mount namespace, as root has it")


@contextmanager
def caged(
    service: Mapping[str, Any],
    built: Image,
    folder: Path,
    *,
    host: Path,
    environment: Mapping[str, str],
    command: Sequence[str],
) -> Iterator[subprocess.Popen[str]]:
    """Run `command` in the cage of `service`; kill it when the block ends.

    Parameters
    ----------
    folder : Path
        Where the cage's file system is mounted.
    host : Path
        What the relative sources of the volumes are relative to.
    """
    script = folder / "cage.sh"
    script.write_text("\n".join(_setup(service, built, folder / "root", host)) + "\n")
    assigned = [f"{name}={value}" for name, value in environment.items()]
    user, _, group = service["user"].partition(":")
    privileges = ["--reuid", user, "--regid", group, "--clear-groups"]
    if service["cap_drop"] == ["ALL"]:
        privileges += ["--bounding-set=-all", "--inh-caps=-all"]
    if "no-new-privileges:true" in service["security_opt"]:
        privileges += ["--no-new-privs"]
    inside = ["setpriv", *privileges, "--", "env", "-i", *assigned, *command]
    with script.open("a") as file:
        file.write(f"exec chroot {folder / 'root'} {shlex.join(_in(inside))}\n")
    (folder / "root").mkdir(exist_ok=True)
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-eu", str(script)],  # noqa: S607 - found by `require_cage`
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _in(command: Sequence[str]) -> list[str]:
    """Return a command that begins in the image's working directory."""
    return ["/bin/sh", "-c", f"cd /freqtrade && exec {shlex.join(command)}"]


def _setup(service: Mapping[str, Any], built: Image, root: Path, host: Path) -> Iterator[str]:
    """Yield the lines of a script that builds the file system of the cage."""
    yield "mount --make-rprivate /"
    yield f"mount -t tmpfs -o mode=755 none {root}"
    # First, because the checkout and its environment may lie below such a folder of this computer.
    for entry in service["tmpfs"]:
        target, _, options = entry.partition(":")
        kept = ",".join(option for option in options.split(",") if option)
        yield f"mkdir -p {root}{target}"
        yield f"mount -t tmpfs -o {kept} none {root}{target}"
    python = {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib", vars={})}
    for place in (*SYSTEM, *python):
        if Path(place).exists():
            yield from _bind(Path(place), root / place.lstrip("/"), read_only=True)
    yield from _bind(built.pack, root / "pack", read_only=True)
    yield from _bind(built.site, root / SITE.lstrip("/"), read_only=True)
    yield f"mkdir -p {root}/freqtrade/user_data"
    for volume in service["volumes"]:
        source = host / volume["source"]
        target = root / volume["target"].lstrip("/")
        yield from _bind(source, target, read_only=volume.get("read_only", False))
    if service["read_only"]:
        yield f"mount -o remount,ro {root}"


def _bind(source: Path, target: Path, *, read_only: bool) -> Iterator[str]:
    resolved = source.resolve()
    yield f"mkdir -p {target}"
    yield f"mount --rbind {resolved} {target}"
    if read_only and source.as_posix() not in {"/dev", "/proc"}:
        yield f"mount -o remount,bind,ro {target}"


def base_environment() -> dict[str, str]:
    """Return what the official image sets, and where the test's libraries lie."""
    return {
        "FT_APP_ENV": "docker",
        "HOME": "/home/ftuser",
        "LANG": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": SITE,
    }
