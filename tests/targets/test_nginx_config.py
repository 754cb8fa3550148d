"""Includes as nginx resolves them, with every way in which they go wrong told where the include stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxycfg.confdir import OnDisk
from proxycfg.source import Source
from proxycfg.targets.nginx.config import Config, load, load_texts, split_dump
from proxycfg.targets.nginx.syntax import Directive


def _words(config: Config, directives: list[Directive] | None = None) -> list[str]:
    found = config.top if directives is None else directives
    return [
        word
        for directive in found
        for word in [" ".join((directive.name, *directive.args)), *_words(config, config.block(directive))]
    ]


def _problems(config: Config) -> list[str]:
    return [f"{problem.span}: {problem.message}" for problem in (*config.problems, *config.missing)]


def test_included_files_stand_where_their_include_stands() -> None:
    """In byte order, without hidden files, relative to the main file's folder, in every context that includes them."""
    config = load_texts(
        {
            "/n/nginx.conf": "http { include d/*.conf; server { include s.conf; } server { include s.conf; } }",
            "/n/d/b.conf": "b 1;",
            "/n/d/10.conf": "ten 1; include s.conf;",
            "/n/d/9.conf": "nine 1;",
            "/n/d/.hidden.conf": "hidden 1;",
            "/n/d/deep/c.conf": "deep 1;",
            "/n/s.conf": "shared 1;",
        }
    )

    assert _words(config) == [
        "http", "ten 1", "shared 1", "nine 1", "b 1", "server", "shared 1", "server", "shared 1",
    ]  # fmt: skip
    assert _problems(config) == []


TROUBLE = {
    "missing": (
        {"/n/nginx.conf": "http {\n  include a.conf; b 1;\n}"},
        ["/n/nginx.conf:2:11: cannot read /n/a.conf: there is no such file among those given"],
    ),
    "mask without match": ({"/n/nginx.conf": "http { include a/*.conf; }"}, []),
    "loop": (
        {"/n/nginx.conf": "http { include a.conf; }", "/n/a.conf": "server { include a.conf; }"},
        ["/n/a.conf:1:18: an include loop, on which nginx crashes: /n/a.conf → /n/a.conf"],
    ),
}


@pytest.mark.parametrize("case", TROUBLE)
def test_trouble_with_an_include_is_a_problem_at_its_place(case: str) -> None:
    """And everything else is read."""
    texts, expected = TROUBLE[case]

    assert _problems(load_texts(texts)) == expected


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("events {} http {}", "main"),
        ("server { listen 80; }", "http"),
        ("upstream a { server b; }", "http"),
        ("location / { proxy_pass http://a; }", "server"),
        ("proxy_pass http://a;", "location"),
    ],
)
def test_a_fragment_is_read_where_it_can_stand(text: str, context: str) -> None:
    """And what is assumed is said."""
    config = load_texts({"site.conf": text})

    assert config.context == context
    assert bool(config.assumed) == (context != "main")


def test_a_dump_is_split_into_its_files() -> None:
    """The output of `nginx -T`, main file first."""
    text = "# configuration file /etc/nginx/nginx.conf:\nhttp { include a.conf; }\n\n# configuration file /etc/nginx/a.conf:\nb 1;\n"
    files = split_dump(Source("<stdin>", text))

    assert files is not None
    assert list(files) == ["/etc/nginx/nginx.conf", "/etc/nginx/a.conf"]
    assert _words(load_texts(files)) == ["http", "b 1"]
    assert split_dump(Source("x", "http {}")) is None


def test_nothing_outside_the_folder_is_opened(tmp_path: Path) -> None:
    """Not by an absolute name, not by dots, not by a link, not by a mask; unless it is allowed."""
    (tmp_path / "secret.conf").write_text("secret 1;")
    inside = tmp_path / "nginx"
    inside.mkdir()
    (inside / "link.conf").symlink_to(tmp_path / "secret.conf")
    includes = [f"{tmp_path}/secret.conf", "../secret.conf", "link.conf", f"{tmp_path}/*.conf"]
    (inside / "nginx.conf").write_text("".join(f"include {name};\n" for name in includes))
    main = Source(str(inside / "nginx.conf"), (inside / "nginx.conf").read_text())

    closed = load(main, OnDisk(inside))
    opened = load(main, OnDisk(inside, allow_outside=True))

    assert "secret 1" not in _words(closed)
    assert [problem.span.line for problem in closed.missing] == [1, 2, 3, 4]
    assert _words(opened).count("secret 1") == len(includes)


def test_a_pipe_or_a_device_is_not_waited_for(tmp_path: Path) -> None:
    """A named pipe among the includes is a problem, not a hang."""
    import os  # noqa: PLC0415

    os.mkfifo(tmp_path / "a.conf")
    config = load(Source(str(tmp_path / "nginx.conf"), "include a.conf;"), OnDisk(tmp_path))

    assert "not a plain file" in _problems(config)[0]
