"""Every small edit on every kind of template: the diff applies, deploys the corrected policy, and touches nothing else."""

from __future__ import annotations

import pytest
from template_edits import CASES, CONTEXT, POLICIES, all_edits, check, read

from stackdoctor.template import NotPlaced, Place, Template, find_policy, parse, patch, resource_properties

# where an anchor, another branch or an alias makes the edit uncertain, the answer is a reason
UNCERTAIN = {"anchors.yaml"}


def variants():
    for name in POLICIES:
        yield name, "as-is"
        if name.endswith("yaml"):
            yield name, "crlf"
        if name in {"block.yaml", "cdk.json"}:
            yield name, "bom"
            yield name, "no-final-newline"


def text_of(name: str, variant: str) -> str:
    text = read(name)
    return {"as-is": text, "crlf": text.replace("\n", "\r\n"), "bom": "\ufeff" + text, "no-final-newline": text.rstrip("\n")}[variant]


def placed(name: str, variant: str = "as-is"):
    template = parse(text_of(name, variant))
    assert isinstance(template, Template), template
    kind, owner = POLICIES[name]
    place = find_policy(template, CONTEXT, kind=kind, owner=owner)
    assert isinstance(place, Place), place
    before = resource_properties(template, place.logical_id, CONTEXT)[place.document]
    assert find_policy(template, CONTEXT, kind=kind, owner=owner, deployed=before) == place
    return template, place, before


@pytest.mark.parametrize(("name", "variant"), list(variants()))
def test_every_small_edit_deploys_the_corrected_policy(name, variant, tmp_path):
    template, place, before = placed(name, variant)
    refused = []
    for label, after in all_edits(before):
        made = patch(template, place, before, after)
        if isinstance(made, NotPlaced):
            refused.append((label, made.reason))
            continue
        try:
            check(template.text, made, place.path, after, tmp_path)
        except Exception:
            print(label, made.diff)
            raise
    if name in UNCERTAIN:
        assert all("anchor" in reason for _label, reason in refused), refused
    else:
        assert not refused


def test_all_case_files_are_tried():
    assert {path.name for path in CASES.iterdir()} == set(POLICIES)
