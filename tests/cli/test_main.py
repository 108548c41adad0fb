"""The entry point: help without heavy imports, exit codes, and how errors look."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from spear_deploy.catalogue import CATALOGUE
from spear_deploy.cli import explain, main
from spear_deploy.errors import BudgetNotMetError, Finding, InputError, MismatchError, SpearError
from tests.cli.conftest import Run

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "from spear_deploy.cli.main import main; main()"


def subprocess_run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [["--help"], ["deploy", "--help"], ["explain", "E001"], ["chips"]])
def test_light_commands_import_no_heavy_packages(arguments: list[str]) -> None:
    """Help and tables appear without torch, numba or lava being imported."""
    code = f"import atexit, sys; atexit.register(lambda: print('loaded', *sys.modules, file=sys.stderr)); {COMMAND}"
    done = subprocess_run(code, *arguments)
    loaded = set(re.search(r"^loaded (.*)$", done.stderr, re.M)[1].split())
    assert done.returncode == 0
    assert done.stdout
    assert "spear_deploy.cli.main" in loaded
    assert not {"torch", "numba", "lava", "sklearn", "stable_baselines3"} & loaded


@pytest.mark.parametrize("arguments", [["report", "a"], ["report", "a", "--figures", "drawn"], ["diff", "a", "a"]])
def test_reports_are_read_without_what_made_them(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch and numba take seconds to import."""
    (tmp_path / "a").mkdir()
    shutil.copy(ROOT / "tests" / "report" / "digits.json", tmp_path / "a" / "report.json")
    monkeypatch.chdir(tmp_path)
    code = f"import atexit, sys; atexit.register(lambda: print('loaded', *sys.modules, file=sys.stderr)); {COMMAND}"
    done = subprocess_run(code, *arguments)
    assert done.returncode == 0
    loaded = set(re.search(r"^loaded (.*)$", done.stderr, re.M)[1].split())
    assert not {"torch", "numba", "sklearn"} & loaded


def test_help_imports_click_alone() -> None:
    """The first thing that anyone runs waits for no library of arrays, files or tables."""
    code = f"import atexit, sys; atexit.register(lambda: print('loaded', *sys.modules, file=sys.stderr)); {COMMAND}"
    loaded = subprocess_run(code, "--help").stderr.split()
    assert "click" in loaded
    assert not {"numpy", "h5py", "rich", "jinja2"} & set(loaded)


def test_help_lists_every_command(spear: Run) -> None:
    """Each command of the table is in the help with its line, and can be opened for its own help."""
    done = spear("--help")
    assert done.code == 0
    for name, (_, text) in main.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(text)}$", done.out, re.M)
        assert spear(name, "--help").code == 0


def test_help_explains_the_exit_codes(spear: Run) -> None:
    """The help says what each exit code means."""
    text = " ".join(spear("--help").out.split())
    meanings = ("done", "internal error", "usage", "the model", "budget", "validation mismatch", "backend missing")
    assert all(f"{code} {meaning}" in text for code, meaning in enumerate(meanings))
    assert "130 interrupted" in text


def test_version(spear: Run) -> None:
    """--version prints name and version."""
    import spear_deploy

    assert spear("--version").out.split() == ["spear-deploy,", "version", spear_deploy.__version__]


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["deploy"],
        ["deploy", "m.nir", "--chip", "loihi2"],
        ["compile", "m.nir", "--nonsense"],
        ["compile", "m.nir", "--chip", "loihi2", "--synops", "50%", "-o", "x", "--reset", "softly"],
        ["compile", "m.nir", "--chip", "loihi2", "--synops", "50%", "-o", "x", "--episodes", "0"],
        ["compile", "m.nir", "--chip", "loihi2", "--synops", "50%", "-o", "x", "--method", "abacus"],
        ["compile", "m.nir", "--chip", "loihi2", "--synops", "50%", "-o", "x", "--until", "never"],
        ["deploy", "m.nir", "--chip", "loihi2", "--synops", "50%", "-o", "x", "--backend", "abacus"],
        ["run", "bundle", "--backend", "abacus"],
        ["validate", "bundle", "--backend", "emulator"],
        ["backend", "install", "abacus"],
    ],
)
def test_usage_errors(arguments: list[str], spear: Run) -> None:
    """Unknown commands, missing or impossible options exit with 2 and say how the command is used."""
    done = spear(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Usage:" in done.err
    assert "Error:" in done.err


@pytest.mark.parametrize("code", CATALOGUE)
def test_explain_knows_every_code(code: str, spear: Run) -> None:
    """Every code is explained, whatever its case, with its title and its whole text."""
    done = spear("explain", code.lower())
    assert done.code == 0
    title, text = CATALOGUE[code]
    assert f"{code}  {title}" in done.out
    assert " ".join(text.split()) in " ".join(done.out.split())


def test_explain_states_the_rules_of_a_chip(spear: Run) -> None:
    """The rules behind a code are stated with the figures of the chip that is asked for, and with their fix."""
    done = spear("explain", "E034")
    assert "rules of loihi2" in done.out
    assert "A spike waits 62 steps at most" in done.out
    assert "fix: shorten the delay" in done.out
    for chip, held in (
        ("loihi1", "in the step of the spike."),
        ("loihi2", "in the step of the spike or the next one."),
    ):
        assert held in spear("explain", "E030", "--chip", chip).out
    assert "rules of" not in spear("explain", "E001").out


def test_explain_lists_all_codes(spear: Run) -> None:
    """Without a code every one is listed."""
    assert [line.split()[0] for line in spear("explain").out.splitlines()] == list(CATALOGUE)


def test_explain_suggests_the_nearest_code(spear: Run) -> None:
    """An unknown code is E008 and exits with 2."""
    done = spear("explain", "E02")
    assert done.code == 2
    assert "E008" in done.err
    assert "did you mean E0" in done.err


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ``explain`` raise an error."""

    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(explain.explain_command, "callback", fail)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError.of("E001", "a", "b"), 2),
        (BudgetNotMetError.of("E040", "a", "b"), 4),
        (MismatchError.of("E050", "a", "b"), 5),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 6),
        (ZeroDivisionError("oh"), 1),
    ],
)
def test_exit_codes(error: BaseException, code: int, spear: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of failure ends with its exit code; only bugs show a traceback, and nothing goes to stdout."""
    fail_with(error, monkeypatch)
    done = spear("explain")
    assert (done.code, done.out) == (code, "")
    assert ("Traceback" in done.err) == (code == 1)
    assert ("please report it" in done.err) == (code == 1)


def test_interrupted_runs_say_how_to_go_on(spear: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-C the message names --resume."""
    fail_with(KeyboardInterrupt(), monkeypatch)
    assert "--resume" in spear("explain").err


def test_missing_packages_name_the_extra(spear: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of the optional extra that is missing is E064 with the command that installs it."""
    fail_with(ModuleNotFoundError("No module named 'torch'", name="torch"), monkeypatch)
    done = spear("explain")
    assert "E064 torch" in done.err
    assert "fix pip install" in done.err
    assert "'torch>=" in done.err
    assert "'numba>=" in done.err  # all at once
    assert done.err.count("E064 torch") == 1
    fail_with(ModuleNotFoundError("No module named 'tonic'", name="tonic.io"), monkeypatch)
    assert "fix pip install tonic" in spear("explain").err


def test_missing_packages_are_told_from_python_too() -> None:
    """What is asked of the package itself is E064 without torch, not a traceback of an import."""
    code = "import sys; sys.modules['torch'] = None; import spear_deploy; spear_deploy.deploy"
    done = subprocess_run(code)
    assert "spear_deploy.errors.BackendError: E064 torch: is not installed" in done.stderr
    assert "fix: pip install" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_end_a_run_like_ctrl_c(number: signal.Signals) -> None:
    """What was begun is cleaned up, however often it comes; the code is 128 and its number; --resume is named."""
    code = f"""
import os, signal, sys, time
from spear_deploy.cli import explain, main
from spear_deploy.scratch import scratch
signal.signal(signal.SIGINT, signal.default_int_handler)

def work(*_, **__):
    with scratch() as folder:
        print(folder, flush=True)
        try:
            os.kill(os.getpid(), {int(number)})
            time.sleep(60)
        finally:
            if {int(number)} != signal.SIGINT:
                os.kill(os.getpid(), {int(number)})
                time.sleep(0.1)

explain.explain_command.callback = work
main.main()
"""
    done = subprocess_run(code, "explain")
    assert done.returncode == 128 + number
    assert "--resume" in done.stderr
    assert not Path(done.stdout.strip()).exists()


def test_signals_that_are_ignored_stay_so() -> None:
    """Under nohup a hang-up ends nothing."""
    code = """
import os, signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
from spear_deploy.cli import explain, main
explain.explain_command.callback = lambda **_: os.kill(os.getpid(), signal.SIGHUP)
main.main()
"""
    assert subprocess_run(code, "explain").returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_on_a_full_disk() -> None:
    """Standard output that cannot be written is E009, and neither a bug nor success."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, "explain"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert "E009 standard output: cannot be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_finding_is_shown_as_it_is(spear: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """All findings appear with place, message and fix; brackets are not markup, long paths are not broken."""
    path = "/long" * 60
    findings = [
        Finding("E003", f"{path}/model.nir", "field [bold]weight[/bold] has shape (3,)", "use [1, 2] or [/]"),
        Finding("E004", "node 'conv[relu]'", "is bad"),
    ]
    fail_with(SpearError(findings), monkeypatch)
    monkeypatch.setenv("COLUMNS", "60")
    lines = spear("explain").err.splitlines()
    assert lines == [
        f"E003 {path}/model.nir: field [bold]weight[/bold] has shape (3,)",
        "     fix use [1, 2] or [/]",
        "E004 node 'conv[relu]': is bad",
        "     more: spear-deploy explain E003",
    ]


def test_closed_output_is_no_bug(tmp_path: Path) -> None:
    """A reader that stops early (``| head``) gets no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as closed:
        done = subprocess.run(
            [sys.executable, "-u", "-c", COMMAND, "explain"], stdout=closed, stderr=subprocess.PIPE, check=False
        )
    assert b"Traceback" not in done.stderr
    assert b"bug" not in done.stderr


def test_a_signal_while_a_class_is_made_ends_a_run_by_its_code(tmp_path: Path) -> None:
    """Libraries make classes by exec while they are imported; a signal that comes then is 143 too."""
    (tmp_path / "interrupted.py").write_text(
        "import os, signal\n"
        "from spear_deploy.cli import explain, main\n"
        "main.console_for(stderr=True).print('begun')\n"  # as progress does: what prints is imported then
        "explain.explain_command.callback = lambda **_: exec('os.kill(os.getpid(), signal.SIGTERM); [0] * 9')\n"
        "main.main()\n"
    )
    command = [sys.executable, "-m", "interrupted", "explain", "E001"]
    place = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run(command, capture_output=True, text=True, env=place, check=False)
    assert (done.returncode, "--resume" in done.stderr) == (143, True), done


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("spear-deploy co", "compile"),
        ("spear-deploy deploy --syn", "--synops"),
        ("spear-deploy build --dry", "--dry-run"),
    ],
)
def test_completion(words: str, offered: str) -> None:
    """A shell that completes is offered commands, and the options of each, those of budgets among them."""
    asked = {"_SPEAR_DEPLOY_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    code = f"import sys; sys.argv[0] = 'spear-deploy'; {COMMAND}"
    place = {**os.environ, **asked}
    done = subprocess.run([sys.executable, "-c", code], env=place, capture_output=True, text=True, check=False)
    assert f"plain,{offered}" in done.stdout.splitlines(), done


RANGES = [
    (name, parameter)
    for name in main.COMMANDS
    for parameter in main.cli.get_command(click.Context(main.cli), name).params  # type: ignore[union-attr]
    if isinstance(parameter.type, click.FloatRange)
]


@pytest.mark.parametrize(("command", "option"), RANGES, ids=lambda value: getattr(value, "name", value))
@pytest.mark.parametrize("value", ["inf", "1e400", "nan"])
def test_numbers_are_finite(command: str, option: click.Parameter, value: str) -> None:
    """No range has infinity or NaN in it."""
    with pytest.raises(click.BadParameter, match="is not a finite number|is not in the range"):
        option.type.convert(value, option, None)
