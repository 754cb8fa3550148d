"""``explain`` and ``lint`` of Cloudflare's files: found out from each, or said to be such."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proxycfg.commands import Exit
from tests.cli.conftest import Cli

MAIN = """\
resource "cloudflare_ruleset" "cache" {
  zone_id = var.zone_id
  kind    = "zone"
  phase   = "http_request_cache_settings"

  rules = [{
    // proxycfg: protocol=sse heartbeat=15s
    expression        = "starts_with(http.request.uri.path, \\"${var.prefix}\\")"
    action            = "set_cache_settings"
    action_parameters = { cache = true }
  }]
}
"""
VARIABLES = 'variable "prefix" { default = "/events/" }\nvariable "zone_id" {}\n'


@pytest.fixture
def module(cli: Cli) -> None:
    """A module of two files, in the folder of the command line."""
    assert cli
    Path("zone").mkdir()
    Path("zone/main.tf").write_text(MAIN)
    Path("zone/variables.tf").write_text(VARIABLES)


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize("named", ["zone", "zone/main.tf"])
def test_a_module_is_explained_with_what_its_variables_stand_for(cli: Cli, named: str) -> None:
    """By its folder, or by the file that holds the rules."""
    code, out, _ = cli("explain", named, "--format", "json")
    told = json.loads(out)

    assert code == Exit.OK
    assert told["target"] == "cloudflare"
    assert [(route["path"], route["protocol"]) for route in told["routes"]] == [("/events/", "sse"), ("*", None)]
    assert told["routes"][0]["behavior"]["caching"]["origin"]["location"]["start"] == {"line": 10, "column": 27}
    assert any("nothing says the zone's plan" in sentence for sentence in told["assumed"])


@pytest.mark.usefixtures("module")
def test_a_url_is_followed_through_the_rules(cli: Cli) -> None:
    """To the place that takes it."""
    code, out, _ = cli("explain", "zone", "--url", "https://a.example.com/events/1", "--url", "https://a.example.com/x")

    assert code == Exit.OK
    assert "matches a rule of http_request_cache_settings" in out


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize("form", ["text", "json", "sarif", "github", "gitlab", "junit", "markdown", "html"])
def test_findings_are_printed_in_every_format(cli: Cli, form: str) -> None:
    """With the rule and the place."""
    code, out, _ = cli("lint", "zone", "--format", form)

    assert code == Exit.FOUND
    assert "stream-cached" in out
    assert "zone/main.tf" in out


@pytest.mark.usefixtures("module")
def test_a_comment_silences_a_rule_and_is_told_where_it_does_not(cli: Cli) -> None:
    """On the line above, in either way of writing one."""
    for sign in ("#", "//"):
        text = MAIN.replace(
            "    action_parameters", f"    {sign} proxycfg: ignore[stream-cached] polls\n    action_parameters"
        )
        Path("zone/main.tf").write_text(text)

        assert cli("lint", "zone")[0] == Exit.OK
    Path("zone/main.tf").write_text(text.replace("cache = true", "cache = false"))

    code, out, _ = cli("lint", "zone", "--format", "json")
    (finding,) = json.loads(out)["findings"]
    assert (code, finding["rule"], finding["target"]) == (Exit.FOUND, "unused-ignore", "cloudflare")


@pytest.mark.usefixtures("module")
def test_a_path_that_no_rule_names_can_be_declared(cli: Cli) -> None:
    """It is judged by the rules that its requests meet."""
    Path("zone/main.tf").write_text(MAIN.replace("    // proxycfg: protocol=sse heartbeat=15s\n", ""))
    code, out, _ = cli("lint", "zone", "--stream", "/events/today=sse", "--format", "json")
    (finding,) = json.loads(out)["findings"]

    assert code == Exit.FOUND
    assert (finding["rule"], finding["route"]["path"]) == ("stream-cached", "/events/today")


@pytest.mark.parametrize(
    ("text", "place"),
    [("a = [", "main.tf:1:6"), ('resource "x" {', "main.tf:1:15"), ("a = " + "[" * 10_000, "main.tf:1:"), ("\0", "main.tf:1:1")],
)  # fmt: skip
def test_what_is_no_terraform_is_told_with_its_place(cli: Cli, text: str, place: str) -> None:
    """Exit 2, and no traceback."""
    Path("main.tf").write_text(text)

    for command in ("explain", "lint"):
        code, _, err = cli(command, "main.tf")
        assert code == Exit.USAGE
        assert place in err
        assert "Traceback" not in err


def test_nothing_outside_of_the_folder_says_what_variables_stand_for(cli: Cli, tmp_path: Path) -> None:
    """Not even by a link."""
    Path("zone").mkdir()
    Path("zone/main.tf").write_text(MAIN)
    (tmp_path / "secret.tf").write_text(VARIABLES)
    Path("zone/variables.tf").symlink_to(tmp_path / "secret.tf")

    assert [route["path"] for route in json.loads(cli("explain", "zone/main.tf", "--format", "json")[1])["routes"]] == [
        "*"
    ]


CALL = 'module "chat" {\n  source = "../modules/cache"\n  zone_id = "z"\n  prefix = "/chat/"\n}\n'


@pytest.fixture
def tree(cli: Cli) -> None:
    """A module that another folder calls."""
    assert cli
    for folder in ("live", "modules/cache"):
        Path(folder).mkdir(parents=True)
    Path("live/main.tf").write_text(CALL)
    Path("modules/cache/main.tf").write_text(MAIN)
    Path("modules/cache/variables.tf").write_text(VARIABLES)


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("named", [("live", "--root", "."), (".",), ("live/main.tf", "--allow-outside")])
def test_a_module_is_read_with_what_its_caller_gives_it(cli: Cli, named: tuple[str, ...]) -> None:
    """And not once more by itself; what is found there stands in its own file."""
    code, out, _ = cli("lint", *named, "--format", "json")
    (finding,) = json.loads(out)["findings"]

    assert code == Exit.FOUND
    assert (finding["rule"], finding["route"]["path"]) == ("stream-cached", "/chat/")
    assert Path(finding["location"]["file"]) == Path("modules/cache/main.tf")
    assert [route["path"] for route in json.loads(cli("explain", *named, "--format", "json")[1])["routes"]] == [
        "/chat/",
        "*",
    ]


@pytest.mark.usefixtures("tree")
def test_a_module_outside_of_the_folder_is_named_and_not_opened(cli: Cli) -> None:
    """Unless somebody says so."""
    named = "live/main.tf:2:12: module.chat (../modules/cache) is not at hand, so what it sets up is not known: it is outside of live"
    code, out, err = cli("explain", "live/main.tf", "--format", "json")

    assert (code, json.loads(out)["routes"]) == (Exit.OK, [])
    assert named in err
    assert named in cli("lint", "live/main.tf")[2]


@pytest.mark.usefixtures("tree")
def test_an_example_does_not_hide_the_module_that_it_lies_in(cli: Cli) -> None:
    """The module is read by itself, too."""
    Path("modules/cache/examples/one").mkdir(parents=True)
    Path("modules/cache/examples/one/main.tf").write_text(CALL.replace("../modules/cache", "../../"))
    told = json.loads(cli("explain", "modules", "--format", "json")[1])

    assert sorted(route["path"] for route in told["routes"]) == ["*", "*", "/chat/", "/events/"]


TUNNEL = "ingress:\n  - hostname: a.example.com\n    service: http://app:80/api  # NOTE\n  - service: http_status:404\n"
RULES = """{
  "phase": "http_request_cache_settings",
  "rules": [
    // proxycfg: protocol=sse
    {
      "expression": "http.request.uri.path eq \\"/events\\"",
      "action": "set_cache_settings",
      "action_parameters": {"cache": true} // NOTE
    }
  ]
}
"""
WORKER = "new Response(upstream.body.pipeThrough(new TransformStream()), upstream)"
FILES = {
    "config.yml": (TUNNEL, "# NOTE", "tunnel-path-in-service", "80/api", "80"),
    "rules.json": (RULES, "// NOTE", "stream-cached", ": true", ": false"),
    "main.tf": (MAIN.replace("cache = true }", "cache = true } # NOTE"), "# NOTE", "stream-cached", "= true", "= false"),
    "wrangler.toml": ('name = "w"\nmain = "w.js"\ncompatibility_date = "2023-05-01" # NOTE\n', "# NOTE", "worker-date-too-old", "2023-05-01", "2024-12-16"),
    "wrangler.jsonc": ('{\n  "name": "w",\n  "main": "w.js",\n  "compatibility_date": "2023-05-01" // NOTE\n}\n', "// NOTE", "worker-date-too-old", "2023-05-01", "2024-12-16"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_every_language_has_notes_fixes_and_exit_codes(cli: Cli, name: str) -> None:
    """A note silences its rule and is told where it is of no use; `--diff` shows what `--fix` writes, among the comments that stand there."""
    text, note, rule, old, new = FILES[name]
    Path("w.js").write_text(f"export default {{ fetch: async (request) => {WORKER} }};\n")
    Path("variables.tf").write_text(VARIABLES)
    Path(name).write_text(text)
    code, out, _ = cli("lint", name, "--format", "json")
    (finding,) = json.loads(out)["findings"]
    assert (code, finding["rule"]) == (Exit.FOUND, rule)

    Path(name).write_text(text.replace(note, f"{note[:2].strip()} proxycfg: ignore[{rule}] known"))
    assert cli("lint", name)[0] == Exit.OK
    assert json.loads(cli("lint", name, "--no-ignores", "--format", "json")[1])["findings"] == [finding]

    Path(name).write_text(text)
    code, out, _ = cli("lint", name, "--diff", "--unsafe-fixes")
    assert code == Exit.FOUND
    assert [line[0] for line in out.splitlines() if line[0] in "+-"] == ["-", "+", "-", "+"]
    assert Path(name).read_text() == text
    assert cli("lint", name, "--unsafe-fixes")[0] == Exit.OK
    assert Path(name).read_text() == text.replace(old, new)
    assert cli("lint", name, "--diff", "--unsafe-fixes")[:2] == (Exit.OK, "")

    silenced = text.replace(old, new).replace(note, f"{note[:2].strip()} proxycfg: ignore[{rule}] known")
    Path(name).write_text(silenced)
    code, out, _ = cli("lint", name, "--format", "json")
    assert (code, [each["rule"] for each in json.loads(out)["findings"]]) == (Exit.FOUND, ["unused-ignore"])
    assert cli("lint", name, "--fix")[0] == Exit.OK
    assert "ignore[" not in Path(name).read_text()


@pytest.mark.parametrize("text", ["ingress: [", "ingress: {a: b", "\0"])
def test_what_is_no_yaml_is_told_with_its_place(cli: Cli, text: str) -> None:
    """Exit 2, and no traceback."""
    Path("config.yml").write_text(text)

    for command in ("explain", "lint"):
        code, _, err = cli(command, "config.yml", "--target", "cloudflare")
        assert code == Exit.USAGE
        assert "config.yml:1:" in err
        assert "Traceback" not in err


@pytest.mark.usefixtures("module")
def test_a_plan_can_be_stated(cli: Cli) -> None:
    """It counts for more than what the files say, so that one can try another."""

    def limit(*options: str) -> tuple[str, object]:
        told = json.loads(cli("explain", "zone", "--path", "/events/x", "--format", "json", *options)[1])
        assert any("nothing says the zone's plan" in each for each in told.get("assumed", [])) is not bool(options)
        return told["target_version"], told["routes"][0]["behavior"]["request_body_limit"]["value"]

    assert limit()[0] == "unknown plan"
    assert limit("--cloudflare-plan", "business") == ("business", 200_000_000)
    Path("zone/variables.tf").write_text(f"# proxycfg: plan=free\n{VARIABLES}")
    assert limit("--cloudflare-plan", "enterprise") == ("enterprise", 500_000_000)
    code, _, err = cli("lint", "zone", "--cloudflare-plan", "gold")
    assert (code, "free, pro, business" in err) == (Exit.USAGE, True)
    Path("zone/settings.tf").write_text(
        'resource "cloudflare_zone_setting" "s" {\n  zone_id = var.zone_id\n  setting_id = "max_upload"\n  value = 500\n}\n'
    )
    assert "setting-beyond-plan" in cli("lint", "zone", "--cloudflare-plan", "pro")[1]
    assert "setting-beyond-plan" not in cli("lint", "zone", "--cloudflare-plan", "enterprise")[1]


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize("named", [".", "./zone", "zone", "zone/../zone/main.tf"])
def test_what_was_repaired_is_looked_at_again_by_whatever_name(cli: Cli, named: str) -> None:
    """So that each fix is made and counted once, and none of what it mended is reported."""
    code, out, err = cli("lint", named, "--fix", "--format", "json")

    assert (code, json.loads(out)["findings"]) == (Exit.OK, [])
    assert "1 fix made" in err
    assert "cache = false" in Path("zone/main.tf").read_text()
