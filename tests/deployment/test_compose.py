"""What every service must be, whatever is added to the compose files later."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from freqtrade.commands.arguments import Arguments
from freqtrade.configuration.config_validation import validate_config_schema
from freqtrade.configuration.environment_vars import environment_vars_to_dict
from freqtrade.configuration.load_config import load_from_files
from freqtrade.misc import deep_merge_dicts

from doctor.secrets import LEAST_JWT, LEAST_PASSWORD, LEAST_WS_TOKEN
from regimekit.hooks.names import bot_name
from regimekit.live import OVERLAY, VARIABLE
from scripts import health, new_env
from scripts.locked import locked
from tests.deployment.container import ROOT, environment_of, interpolated, services

FILES = ("docker-compose.yml", "docker-compose.live.yml")
BASE, LIVE = services(), services(*FILES)
ALL = [(name, service) for merged in (BASE, LIVE) for name, service in merged.items()]
every_service = pytest.mark.parametrize(
    ("name", "service"), ALL, ids=[*BASE, *(f"{name} live" for name in LIVE)]
)
BOTS = ("bot", "second")
EXAMPLE = (ROOT / ".env.example").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FREQTRADE = next(
    re.fullmatch(r"freqtrade(?:\[.*\])?==(.+)", line)[1]
    for line in PROJECT["dependencies"]
    if line.startswith("freqtrade")
)


def defined(example: str = EXAMPLE) -> dict[str, str]:
    lines = [line for line in example.splitlines() if line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def used(text: str) -> set[str]:
    return set(re.findall(r"\$\{(\w+)", text))


def options(service: dict, name: str) -> list[str]:
    """Return the values of an option in a service's command."""
    found = [word.partition("=") for word in service["command"]]
    return [value for word, _, value in found if word == f"--{name}"]


# --- the file itself


def test_the_files_are_what_the_compose_specification_allows():
    checked = subprocess.run(
        [
            Path(sys.executable).with_name("check-jsonschema"),
            "--builtin-schema=vendor.compose-spec",
            *FILES,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_schema_would_notice(tmp_path):
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text((ROOT / FILES[0]).read_text().replace("read_only: true", "readonly: true"))
    checked = subprocess.run(
        [
            Path(sys.executable).with_name("check-jsonschema"),
            "--builtin-schema=vendor.compose-spec",
            wrong,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 1
    assert "readonly" in checked.stdout


@pytest.mark.parametrize("files", [FILES[:1], FILES], ids=["dry run", "live"])
def test_docker_compose_itself_understands_it(files, tmp_path):
    if subprocess.run(
        ["docker", "compose", "version"],  # noqa: S607 - wherever it is installed
        capture_output=True,
        check=False,
    ).returncode:  # fmt: skip
        pytest.skip("needs the docker command with its compose plugin")
    env = tmp_path / ".env"
    live = {name: f"x{name}" for name in used((ROOT / FILES[1]).read_text())}
    values = defined(new_env.filled(EXAMPLE)) | live
    env.write_text("".join(f'{name}="{value}"\n' for name, value in values.items()))
    chosen = [part for file in files for part in ("-f", str(ROOT / file))]
    told = subprocess.run(
        ["docker", "compose", "--env-file", str(env), *chosen, "config", "--quiet"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr


# --- laws over all services


@every_service
def test_nobody_is_root_and_nobody_can_become_it(name, service):
    user, _, group = service["user"].partition(":")
    assert int(user) >= 1000
    assert int(group) >= 1000
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode"} & service.keys()


@every_service
def test_the_disk_is_read_only_but_for_its_own_folder(name, service):
    assert service["read_only"] is True
    for volume in service["volumes"]:
        assert volume["type"] == "bind"
        assert volume["bind"]["create_host_path"] is False  # Docker would make it as root
        assert "docker.sock" not in volume["source"]
    writable = [volume for volume in service["volumes"] if not volume.get("read_only")]
    assert len(writable) == 1
    assert writable[0]["source"].startswith("./user_data/")
    for entry in service["tmpfs"]:
        assert {"noexec", "nosuid", "nodev"} <= set(entry.partition(":")[2].split(","))
        assert "size=" in entry


@every_service
def test_what_it_may_use_is_bounded(name, service):
    assert service["pids_limit"] <= 512
    assert service["mem_limit"] == service["memswap_limit"]
    assert service["ulimits"]["core"] == 0
    assert service["ulimits"]["nofile"]["hard"] <= 65_536
    assert {"max-size", "max-file"} <= service["logging"]["options"].keys()


@every_service
def test_restarts_are_bounded_and_a_stop_is_clean(name, service):
    policy, _, count = service["restart"].partition(":")
    assert policy == "on-failure"
    assert 1 <= int(count) <= 10
    assert service["stop_grace_period"] == "60s"
    assert service["init"] is True


@every_service
def test_ports_are_published_on_loopback_only(name, service):
    assert service.get("network_mode") is None
    for port in service.get("ports", []):
        address, _, rest = port.partition(":")
        assert address == "127.0.0.1", port
        assert rest.endswith(":8080")
    assert len(service["networks"]) == 1


def test_no_two_services_share_a_network_a_port_or_a_folder_they_write():
    networks = [network for service in BASE.values() for network in service["networks"]]
    ports = [port for service in BASE.values() for port in service.get("ports", [])]
    written = [
        volume["source"]
        for service in BASE.values()
        for volume in service["volumes"]
        if not volume.get("read_only")
    ]
    for shared in (networks, ports, written):
        assert len(shared) == len(set(shared))


@every_service
def test_health_is_progress_and_not_an_answer_to_a_ping(name, service):
    check = service["healthcheck"]
    kind, python, script, *arguments = check["test"]
    assert (kind, python) == ("CMD", "python")
    assert script == "/pack/scripts/health.py"
    assert not re.search(r"ping|curl|wget|disable", str(check))
    options = health._parser().parse_args(arguments)  # exits where it does not understand them
    folders = [volume["target"] for volume in service["volumes"]]
    if name == "recorder":
        assert options.recorder == Path(service["command"][-1].partition("=")[2])
        assert f"{options.recorder}/regimekit" in folders
    else:
        assert str(options.userdir) in folders
        assert [str(options.userdir)] == [
            word.partition("=")[2] for word in service["command"] if word.startswith("--userdir=")
        ]
        assert options.bot == service["environment"]["FREQTRADE__BOT_NAME"]
        config = {"bot_name": options.bot, "db_url": service["environment"]["FREQTRADE__DB_URL"]}
        assert health._bot_of(Path(f"{bot_name(config)}.json")) == options.bot


@every_service
def test_no_secret_stands_in_the_file(name, service):
    for variable, value in service["environment"].items():
        if re.search(r"PASSWORD|SECRET|TOKEN|KEY|ACK|ACCOUNT|USERNAME|CHAT_ID", variable):
            assert re.fullmatch(r"\$\{\w+:[-?][^}]*\}", str(value)), variable
            default = re.search(r":-(.*)\}", str(value))
            assert default is None or default[1] == ""
    assert "env_file" not in service  # else every service would have every secret


def test_whether_it_is_a_dry_run_is_never_said_by_the_environment():
    for file in (*FILES, ".env.example", "Dockerfile"):
        text = (ROOT / file).read_text()
        assert "DRY_RUN" not in text, file


@every_service
def test_the_image_is_ours_and_names_the_versions_of_the_lock(name, service):
    assert service["image"] == f"regimerouter:{PROJECT['version']}-freqtrade-{FREQTRADE}"
    assert service["pull_policy"] == "never"
    assert service["build"]["target"] == "runtime"
    assert "FREQTRADE_DIGEST" in service["build"]["args"]


# --- what sets the services apart


@pytest.mark.parametrize("name", [*BASE])
def test_without_the_overlay_nobody_has_a_key_of_the_exchange(name):
    assert not [key for key in BASE[name]["environment"] if "EXCHANGE" in key or "ACK" in key]
    assert OVERLAY not in str(BASE[name]["command"])


def test_the_overlay_changes_the_one_bot_and_nothing_that_protects_it():
    overlay = yaml.safe_load((ROOT / FILES[1]).read_text())["services"]
    assert list(overlay) == ["bot"]
    assert set(overlay["bot"]) == {"command", "environment"}
    base = [word for word in LIVE["bot"]["command"] if OVERLAY not in word]
    assert base == BASE["bot"]["command"]
    assert f"/pack/{OVERLAY}" in options(LIVE["bot"], "config")
    assert VARIABLE in LIVE["bot"]["environment"]
    needed = ["FREQTRADE__EXCHANGE__KEY", "FREQTRADE__EXCHANGE__SECRET", VARIABLE]
    for name in needed:
        with pytest.raises(KeyError):
            interpolated(overlay["bot"]["environment"][name], defined(EXAMPLE))
    assert LIVE["second"] == BASE["second"]
    assert LIVE["recorder"] == BASE["recorder"]


def test_every_bot_has_a_database_and_a_name_of_its_own():
    urls = {
        (volume["source"], service["environment"]["FREQTRADE__DB_URL"])
        for service in [*(BASE[name] for name in BOTS), LIVE["bot"]]
        for volume in service["volumes"]
        if volume["target"] == "/freqtrade/user_data"
    }
    assert len(urls) == 3
    assert BASE["bot"]["environment"]["FREQTRADE__DB_URL"].endswith("trades.dry_run.sqlite")
    assert LIVE["bot"]["environment"]["FREQTRADE__DB_URL"].endswith("trades.live.sqlite")
    assert not any(word.startswith("--db-url") for name in BOTS for word in LIVE[name]["command"])
    names = [BASE[name]["environment"]["FREQTRADE__BOT_NAME"] for name in BOTS]
    assert len(set(names)) == 2


def test_the_recorder_writes_what_the_bots_only_read():
    store = "./user_data/data/binance/regimekit"
    for name, service in BASE.items():
        volume = next(volume for volume in service["volumes"] if volume["source"] == store)
        assert volume.get("read_only", False) is (name != "recorder")
        assert "data/binance/regimekit" in volume["target"]
    assert not [key for key in BASE["recorder"]["environment"] if key.startswith("FREQTRADE")]


# --- the environment


def test_the_example_names_every_variable_and_no_other():
    wanted = {name for file in FILES for name in used((ROOT / file).read_text())}
    assert set(defined()) == wanted | {"COMPOSE_FILE"}
    assert defined()["COMPOSE_FILE"] == FILES[0]


def test_the_example_works_as_it_is_once_it_is_filled_in():
    values = defined(new_env.filled(EXAMPLE))
    for name in BOTS:
        environment = environment_of(BASE[name], values)
        password = environment["FREQTRADE__API_SERVER__PASSWORD"]
        assert len(password) >= LEAST_PASSWORD
        assert len(environment["FREQTRADE__API_SERVER__JWT_SECRET_KEY"]) >= LEAST_JWT
        assert len(environment["FREQTRADE__API_SERVER__WS_TOKEN"]) >= LEAST_WS_TOKEN
    assert len({values[name] for name in values if name.endswith("_PASSWORD")}) == 2


def test_nothing_of_the_example_is_a_secret():
    for name, value in defined().items():
        assert value in {"", "change-me", "false", "8080", "8081", "trader", FILES[0]}, name
        assert (value == "change-me") == any(name.endswith(ending) for ending in new_env.BYTES)


# --- the commands


@pytest.mark.parametrize("name", BOTS)
@pytest.mark.parametrize("merged", [BASE, LIVE], ids=["dry run", "live"])
def test_freqtrade_understands_the_command_and_the_environment(name, merged, monkeypatch):
    """With its own parser and configuration, on the files of this checkout."""

    live = {variable: f"x-{variable}" for variable in used((ROOT / FILES[1]).read_text())}
    live["REGIMEROUTER_LIVE_CAPITAL"] = "500"
    service = merged[name]
    environment = environment_of(service, defined(new_env.filled(EXAMPLE)) | live)
    for variable in [variable for variable in os.environ if variable.startswith("FREQTRADE__")]:
        monkeypatch.delenv(variable)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    parsed = Arguments(service["command"]).get_parsed_arg()
    files = [path.replace("/pack/", f"{ROOT}/") for path in parsed["config"]]
    config = deep_merge_dicts(environment_vars_to_dict(), load_from_files(files))
    validate_config_schema(config | {"internals": config.get("internals", {})})
    assert config["dry_run"] is (merged is BASE or name != "bot")
    assert config["bot_name"] == environment["FREQTRADE__BOT_NAME"]
    assert config["api_server"]["enabled"] is True
    assert config.get("telegram", {}).get("enabled", False) is False
    assert config["db_url"] == environment["FREQTRADE__DB_URL"]
    assert config["db_url"].startswith("sqlite:////freqtrade/user_data/")
    for key in ("username", "password", "jwt_secret_key", "ws_token"):
        assert isinstance(config["api_server"][key], str)


def test_the_recorder_understands_its_command():
    service = BASE["recorder"]
    assert service["entrypoint"] == ["python", "-m", "providers"]
    told = subprocess.run(
        [sys.executable, "-m", "providers", *service["command"], "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0
    known = set(re.findall(r"--[a-z-]+", told.stdout))
    asked = {word.partition("=")[0] for word in service["command"] if word.startswith("--")}
    assert asked <= known


# --- the image


def test_the_image_is_built_from_the_release_that_the_lock_pins():
    text = (ROOT / "Dockerfile").read_text()
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    official = [base for base in bases if "/" in base]
    assert official == [f"freqtradeorg/freqtrade:{FREQTRADE}${{FREQTRADE_DIGEST}}"] * 2
    assert not re.search(r":(latest|stable|develop)\b", text)


def test_the_image_ends_as_an_ordinary_user_without_what_built_it():
    text = (ROOT / "Dockerfile").read_text()
    last = text[text.rindex("\nFROM ") :]
    assert last.startswith("\nFROM installed AS runtime")
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE) == ["1000"] * 3
    installed = text[text.index("AS installed") : text.index("FROM installed AS check")]
    assert "apt-get" not in text
    assert installed.count("pip ") == 1
    assert "--no-index" in installed
    downloads = re.findall(r"pip (?:install|download)(?:[^&\n]|\\\n)*", text)
    assert len(downloads) == 4
    for command in downloads:
        assert "--no-deps" in command
        assert "--require-hashes" in command or "--no-index" in command


def test_the_lock_holds_what_the_image_asks_of_it():
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    asked = re.findall(r"python scripts/locked\.py ([^>]+) >", text)
    assert len(asked) == 3
    for names in asked:
        found = locked((ROOT / "requirements.lock").read_text(), names.split())
        assert len(found) == len(names.split())


def test_the_image_copies_every_package_of_the_wheel():
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    text = (ROOT / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored.index("*") < ignored.index("!config")
    for package in wheel["targets"]["wheel"]["packages"]:
        assert f"COPY --chown=1000:1000 {package} ./{package}" in text
        assert f"!{package}" in ignored
    for line in ignored:
        if line.startswith("!"):
            assert (ROOT / line[1:]).exists(), line
    assert not any(line in {"!.env", "!.git", "!user_data"} for line in ignored)
