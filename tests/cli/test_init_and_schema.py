"""``proxycfg init`` and ``proxycfg schema``."""

from __future__ import annotations

import json
from pathlib import Path

from jsonschema import Draft202012Validator

from proxycfg.commands import Exit
from proxycfg.starter import starter
from tests.cli.conftest import Cli, process


def test_init_writes_the_starter(cli: Cli) -> None:
    """And the next command works on it."""
    Path("routes.yaml").unlink()

    assert (Exit.OK, "routes.yaml\n", "") == cli("init")
    assert starter() == Path("routes.yaml").read_text()
    assert Exit.OK == cli("generate", "routes.yaml")[0]


def test_init_does_not_write_over_a_spec(cli: Cli) -> None:
    """Without --force."""
    before = Path("routes.yaml").read_text()
    code, out, err = cli("init")

    assert (Exit.USAGE, "", before) == (code, out, Path("routes.yaml").read_text())
    assert "routes.yaml: exists already; nothing was written. Use --force" in err
    assert (Exit.OK, "", "") == cli("init", "--force", "--quiet")
    assert starter() == Path("routes.yaml").read_text()


def test_init_writes_elsewhere(cli: Cli) -> None:
    """To a file of another name, with its folders, or to standard output."""
    assert (Exit.OK, "a/b.yaml\n", "") == cli("init", "-o", "a/b.yaml")
    assert starter() == Path("a/b.yaml").read_text()
    assert (Exit.OK, starter(), "") == cli("init", "-o", "-")
    assert (Exit.OK, "", "") == cli("init", "-o", "c.yaml", "-q")


def test_init_does_not_replace_a_folder(cli: Cli) -> None:
    """Even with --force."""
    Path("a").mkdir()

    assert "a: is a folder, where a file should be written" in cli("init", "--force", "-o", "a")[2]


CONFIG = """\
server {
    listen 8080;
    location /events { proxy_pass http://127.0.0.1:9000; proxy_buffering off; }
    location /admin { auth_basic on; proxy_pass http://127.0.0.1:9000; }
}
"""


def test_init_from_a_config_makes_its_spec(cli: Cli) -> None:
    """What is lost is told with its place, on standard error and in the file; the next command works on it."""
    Path("routes.yaml").unlink()
    Path("site.conf").write_text(CONFIG)
    code, out, err = cli("init", "--from", "site.conf")
    text = Path("routes.yaml").read_text()

    assert (Exit.OK, "routes.yaml\n") == (code, out)
    assert "site.conf:4:23: `auth_basic on` decides who gets in" in err
    assert "1 route carried over; 1 route written as comments; 1 thing not carried over" in err
    assert "#   site.conf:4:23: `auth_basic on` decides who gets in" in text
    assert "  # - path: /admin\n" in text
    assert "  - path: /events\n    protocol: sse\n" in text
    assert Exit.OK == cli("generate", "routes.yaml", "--fail-on", "error")[0]


def test_init_from_prints_and_reports(cli: Cli) -> None:
    """To standard output; and as JSON what became of each route."""
    Path("site.conf").write_text(CONFIG)

    assert cli("init", "--from", "site.conf", "-o", "-", "-q")[1].startswith("# Made from site.conf (nginx 1.30)")
    report = json.loads(cli("init", "--from", "site.conf", "-o", "new.yaml", "--format", "json")[1])
    assert ["/events"] == [each["route"] for each in report["routes"]]
    assert ["/admin"] == [each["route"] for each in report["withheld"]]
    assert [4] == [each["location"]["start"]["line"] for each in report["not_carried_over"]]


INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: chat
  annotations: {nginx.ingress.kubernetes.io/proxy-buffering: "off", nginx.ingress.kubernetes.io/proxy-read-timeout: "7200"}
spec:
  ingressClassName: nginx
  rules:
  - host: chat.example.com
    http: {paths: [{path: /events, pathType: Prefix, backend: {service: {name: chat, port: {number: 8000}}}}]}
"""


def test_init_from_an_ingress_makes_its_spec(cli: Cli) -> None:
    """What ingress-nginx would make of it, without what it writes by itself."""
    Path("ingress.yaml").write_text(INGRESS)
    code, text, _ = cli("init", "--from", "ingress.yaml", "-o", "-", "-q")

    assert Exit.OK == code
    assert text.startswith("# Made from ingress.yaml (nginx ")
    assert "  - path: /events/\n    protocol: sse\n    upstream: chat-8000\n    idle_timeout: 2h\n" in text
    assert 1 == text.count("protocol: sse")
    assert "return 404" not in text


def test_init_from_rules_of_cloudflare_says_where_routes_are(cli: Cli) -> None:
    """They are those of the hop behind it."""
    zone = Path(__file__).parent.parent.parent / "fixtures/specs/cloudflare/cloudflare/main.tf"

    code, out, err = cli("init", "--from", str(zone), "-o", "-")
    assert (Exit.USAGE, "") == (code, out)
    assert "of a zone of Cloudflare, give the config of the hop behind it" in err


def test_init_from_a_generated_config_points_to_its_spec(cli: Cli) -> None:
    """Which says more: what every generated config has is not listed as lost."""
    config = Path(__file__).parent.parent.parent / "fixtures/specs/starter/nginx.conf"
    text = cli("init", "--from", str(config), "-o", "-")[1]

    assert "was generated from a spec, which says more than this one" in text
    assert "# Not carried over:" not in text


def test_init_from_what_is_no_config_writes_nothing(cli: Cli) -> None:
    """Nor from one without a route, nor over a spec that exists, nor from several at once."""
    before = Path("routes.yaml").read_text()
    Path("none.conf").write_text("server { listen 80; return 404; }\n")
    Path("broken.conf").write_text("server { listen 80; location / { proxy_pass http://a;\n")
    for name in ("none.conf", "broken.conf", "missing.conf"):
        code, out, err = cli("init", "--from", name, "--force")

        assert (Exit.USAGE, "") == (code, out)
        assert name in err
    assert "--force" in cli("init", "--from", "none.conf")[2]
    whole = "events {}\nhttp { server { location / { proxy_pass http://a; } } }\n"
    Path("one.conf").write_text(whole)
    Path("two.conf").write_text(whole)
    assert (
        "these are 2 configs, and a spec is made of one"
        in cli("init", "--from", "one.conf", "--from", "two.conf", "--force")[2]
    )
    assert before == Path("routes.yaml").read_text()


def test_init_reports_json(cli: Cli) -> None:
    """The file that it wrote; there is none where the spec itself is printed."""
    report = json.loads(cli("init", "-o", "a.yaml", "--format", "json")[1])

    assert {"path": "a.yaml", "status": "created", "changed": True} == {
        key: report["files"][0][key] for key in ("path", "status", "changed")
    }
    Path("a.yaml").write_text("x")
    again = json.loads(cli("init", "-o", "a.yaml", "--format", "json", "--force")[1])
    assert "changed" == again["files"][0]["status"]
    assert Exit.USAGE == cli("init", "-o", "-", "--format", "json")[0]


def test_schema_prints_a_schema(cli: Cli) -> None:
    """Draft 2020-12, on standard output alone or into a file."""
    code, out, err = cli("schema")
    Draft202012Validator.check_schema(json.loads(out))

    assert (Exit.OK, "") == (code, err)
    assert (Exit.OK, "", "") == cli("schema", "-o", "routes.schema.json")
    assert out == Path("routes.schema.json").read_text()


def test_a_device_is_written_to_not_replaced(cli: Cli) -> None:
    """``-o /dev/null`` and ``-o /dev/stdout`` are what they are anywhere else."""
    done = process("schema", "-o", "/dev/stdout")

    assert (0, cli("schema")[1]) == (done.returncode, done.stdout.decode())
    assert (Exit.OK, "", "") == cli("schema", "-o", "/dev/null")
    assert Path("/dev/null").is_char_device()
