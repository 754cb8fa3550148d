"""Folders that a stranger filled: nothing hangs, nothing outside is read, and no name or word reaches a terminal as a command."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proxycfg import confdir
from proxycfg.confdir import OnDisk, read_text
from proxycfg.explain import explain
from proxycfg.reports.explain_text import explanation_to_text
from proxycfg.request import Asked
from proxycfg.source import Source
from proxycfg.targets.nginx import config as nginx_config
from proxycfg.targets.nginx.config import Config, load
from proxycfg.targets.nginx.explain import explain_config


def _read(folder: Path, *, allow_outside: bool = False) -> Config:
    main = folder / "nginx.conf"
    return load(Source(os.fspath(main), read_text(main)), OnDisk(folder, allow_outside))


def _said(config: Config) -> list[str]:
    return [problem.message for problem in (*config.problems, *config.missing)]


def _names(config: Config) -> list[str]:
    return [directive.name for directive in config.top]


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/stdin", "/proc/self/mem"])
def test_a_device_is_not_read_even_where_the_outside_is_allowed(tmp_path: Path, device: str) -> None:
    """It never ends, or waits, or is no text."""
    (tmp_path / "nginx.conf").write_text(f"include {device}; a 1;")
    config = _read(tmp_path, allow_outside=True)

    assert len(_said(config)) == 1
    assert _names(config) == ["a"]


def test_a_file_that_grew_is_refused_by_what_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound holds for the bytes, whatever the file's size was said to be; a byte less passes."""
    monkeypatch.setattr(confdir, "MAX_BYTES", 1 << 20)
    path = tmp_path / "a.conf"
    path.write_bytes(b" " * (1 << 20))
    assert len(read_text(path)) == 1 << 20

    path.write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(OSError, match="larger than 1 MiB"):
        read_text(path)


def test_a_huge_file_costs_no_more_than_the_bound(tmp_path: Path) -> None:
    """A sparse gigabyte: refused with a sentence."""
    with (tmp_path / "big.conf").open("wb") as file:
        file.truncate(1 << 30)
    (tmp_path / "nginx.conf").write_text("include big.conf; a 1;")
    config = _read(tmp_path)

    assert "larger than 64 MiB" in _said(config)[0]
    assert _names(config) == ["a"]


def test_links_in_a_circle_are_told(tmp_path: Path) -> None:
    """As files and as folders."""
    (tmp_path / "a.conf").symlink_to("b.conf")
    (tmp_path / "b.conf").symlink_to("a.conf")
    (tmp_path / "loop").symlink_to(".", target_is_directory=True)
    (tmp_path / "nginx.conf").write_text("include a.conf; include loop/loop/loop/*.txt; a 1;")
    config = _read(tmp_path)

    assert len(_said(config)) == 1
    assert _names(config) == ["a"]


def test_a_folder_that_leads_outside_is_not_looked_into(tmp_path: Path) -> None:
    """Neither by its name in a mask, nor where the mask finds it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.conf").write_text("secret 1;")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(outside, target_is_directory=True)
    (inside / "nginx.conf").write_text("include link/*.conf; include */*.conf; a 1;")
    config = _read(inside)

    assert _names(config) == ["a"]
    assert len(_said(config)) == 2
    assert all("outside" in sentence for sentence in _said(config))


def test_names_beyond_all_measure_are_told(tmp_path: Path) -> None:
    """Longer than any file's name, plain and as a mask."""
    (tmp_path / "nginx.conf").write_text(f"include {'x' * 5000}; include {'y' * 5000}/*; a 1;")
    config = _read(tmp_path)

    assert _names(config) == ["a"]
    assert any("cannot read" in sentence for sentence in _said(config))


def test_a_name_with_a_nul_is_told(tmp_path: Path) -> None:
    """By the lookup itself, whoever asks."""
    with pytest.raises(nginx_config.Unreadable, match="NUL"):
        OnDisk(tmp_path).read(f"{tmp_path}/a\0b")
    with pytest.raises(nginx_config.Unreadable, match="NUL"):
        OnDisk(tmp_path).glob(f"{tmp_path}/a\0*")


def test_a_folder_of_too_many_files_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And those that fit are read."""
    monkeypatch.setattr(nginx_config, "MAX_FILES", 10)
    for number in range(50):
        (tmp_path / f"{number:02}.txt").write_text(f"a{number} 1;")
    (tmp_path / "nginx.conf").write_text("include *.txt; include *.txt;")
    config = _read(tmp_path)

    assert _said(config) == ["more than 10 files"]
    assert len(config.files) == 10


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("tables", [False, True])
def test_no_name_or_word_reaches_a_terminal_as_a_command(tmp_path: Path, *, tables: bool, color: bool) -> None:
    """Neither from a file's name, which is no UTF-8 on top, nor from the config; and none forges a line of the report."""
    (tmp_path / "conf.d").mkdir()
    forged = "forged  streams"
    name = os.fsdecode(b"conf.d/a\x1b[8m\n" + forged.encode() + b"\xff.conf")
    (tmp_path / name).write_text(
        'server { server_name "a\x1b[2Jb"; location "/\x1b]0;x\x07y" { proxy_pass http://a; proxy_read_timeout "\x1b[8m"; bogus "\x9b1m"; } }'
    )
    (tmp_path / "nginx.conf").write_text("events {} http { include conf.d/*.conf; }")
    config = _read(tmp_path)
    routes = explain_config(config, "1.30", Asked(paths=["/\x1b[8mz"] if tables else []), None)
    explanation = explain("nginx", "1.30", routes, protocol=None, assumed=config.assumed, problems=config.problems)
    text = explanation_to_text(explanation, tables=tables, color=color)

    assert not [line for line in text.split("\n") if line.startswith(forged)]
    assert not set("\x07\x9b\r") & set(text)
    assert all(hidden not in text for hidden in ("\x1b[8m", "\x1b[2J", "\x1b]"))
    if not color:
        assert "\x1b" not in text
