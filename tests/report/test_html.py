"""The page: complete, self-contained, safe, the same every time."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from spear_deploy.errors import InputError
from spear_deploy.report.html import gauge, notebook_view, page, write_page

_VOID = {"meta", "br", "rect"}


class _Tree(HTMLParser):
    """Checks that tags are balanced, and collects tags and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag in _VOID or self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def _parsed(text):
    tree = _Tree()
    tree.feed(text)
    tree.close()
    assert tree.open == []
    return tree


def test_all_is_on_the_page(validated):
    """Every layer, hash, version, step and note; the verdict and the proof."""
    text = " ".join(_parsed(page(validated)).words)
    names, synops = [layer["name"] for layer in validated["layers"]], validated["budgets"][0]
    names += ["baseline", "search", "importance", "gradual", "bundle", "validate"]
    expected = [*names, *validated["hashes"].values(), *validated["versions"].values(), "N003", "within budget"]
    expected += ["0 mismatches in 461,824 bins", f"{synops['measured']:,.0f}", "3.1 uJ to 5.2 uJ", "after = "]
    expected += ["with the built-in neuron 91.11%", "room left: -0.02", validated["emulated"]]
    steps = validated["accuracy"]["reference"]["steps"]
    expected += [f"fine-tuned for {steps} batches", "rate distance"]
    assert [item for item in expected if item not in text] == []


def test_what_a_page_is_called(validated):
    """By the name of the model, in the tab with the verdict; names are text."""
    text = page({**validated, "model": "net<1>", "chip": "loihi2"})
    assert re.findall("<title>(.*)</title>", text)[0] == "net&lt;1&gt; on loihi2: within budget"
    assert re.findall("<h1>(.*)</h1>", text) == ["net&lt;1&gt;"]


def test_why_there_is_no_proof(unproven):
    """On the page and in a notebook."""
    for text in (page(unproven), notebook_view(unproven)):
        words = " ".join(_parsed(text).words)
        assert "not proven" in words
        assert "E061 lava: the process died" in words


def test_page_is_self_contained(validated):
    """No address but in a citation, nothing loaded, no script."""
    tree = _parsed(page(validated))
    assert {tag for tag, _ in tree.tags} & {"script", "link", "img", "iframe", "a", "object"} == set()
    assert not any({"src", "href", "style"} & set(attributes) for _, attributes in tree.tags)
    validated["bottleneck"]["latency"] = None
    without_sources = page({**validated, "energy": None})
    assert re.findall(r"https?://|//[a-z]|url\(|@import", without_sources) == []


def test_names_are_escaped(diverged):
    """A name is text wherever it appears."""
    evil = "\"><script>alert('x')</script>&"
    for layer in diverged["layers"]:
        layer.update(name=evil, type=evil)
    diverged["data"]["name"] = diverged["model"] = diverged["command"] = diverged["validation"]["backend"] = evil
    diverged["validation"]["populations"] = [evil]
    diverged["search"]["frozen"] = {evil: evil}
    diverged["notes"] = [{"code": "N001", "where": evil, "message": evil, "value": 2.0, "limit": 1.0, "slack": -1.0}]
    diverged["emulated"] = evil
    diverged["budgets"][1].update(title=evil)
    for text in (page(diverged), notebook_view(diverged)):
        assert "<script" not in text
        assert evil in " ".join(_parsed(text).words)


def test_bytes_are_deterministic(validated, tmp_path):
    """Written twice, equal; and over an older page."""
    path = tmp_path / "report.html"
    write_page(path, validated)
    first = path.read_bytes()
    write_page(path, validated)
    assert path.read_bytes() == first == page(validated).encode()
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"]


def test_unwritable_folder_is_a_coded_error(report, tmp_path):
    """E009, no traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="E009"):
        write_page(tmp_path / "file" / "report.html", report)


def test_minimal_report(report):
    """No search, no backend, no energy, no notes, no steps."""
    report["lre"] = report["search"] = None
    report["synops"]["predicted"] = None
    report["budgets"][0]["predicted"] = None
    report["steps"] = []
    text = page(report)
    _parsed(text)
    assert "No backend was run" in text
    assert "Energy" not in text


def test_verdict_colours(report, diverged):
    """Bad news looks like bad news, and a loss that nobody asked about like a warning."""
    assert 'class="verdict good"' in page(report)
    assert 'class="verdict bad"' in page(diverged)
    report["budgets"] = [budget for budget in report["budgets"] if budget["resource"] != "max_drop"]
    report["accuracy"].update(drop=1.2, drop_error=0.55)
    assert 'class="verdict warn"' in page(report)
    assert "emulator 1, lava 0" in page(diverged)


def test_notebook_view(validated):
    """A fragment without script or style sheet: verdict, every budget and every layer."""
    tree = _parsed(notebook_view(validated))
    assert {tag for tag, _ in tree.tags} & {"html", "body", "script", "style", "link", "img"} == set()
    text = " ".join(tree.words)
    synops, _, lost = validated["budgets"]
    expected = [layer["name"] for layer in validated["layers"]] + ["within budget", f"{synops['measured']:,.0f}"]
    expected += [
        f"at most {synops['limit']:,.0f}",
        "points of accuracy lost",
        f"{lost['measured']:.2f}",
        "at most 2.00",
    ]
    assert [item for item in expected if item not in text] == []


@pytest.mark.parametrize(
    ("limit", "measured", "predicted"), [(100.0, 50.0, 60.0), (100.0, 250.0, None), (128, 4, None), (1, 0.0, 3.0)]
)
def test_gauge_stays_on_its_track(limit, measured, predicted):
    """All marks lie on the track, in proportion."""
    found = gauge({"limit": limit, "judged": measured, "predicted": predicted})
    marks = [found.measured, found.limit] + ([] if predicted is None else [found.predicted])
    assert all(0 <= mark < 100 for mark in marks)
    assert found.measured * limit == pytest.approx(found.limit * measured)
