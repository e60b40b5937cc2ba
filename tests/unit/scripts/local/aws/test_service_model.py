"""Values are checked against the SDK's model of a service."""

from typing import Any

import pytest

from scripts.local.aws import service_model

REQUEST = service_model.load("translate").operation_model("TranslateText").input_shape
VALID: dict[str, Any] = {"Text": "Hello", "SourceLanguageCode": "en", "TargetLanguageCode": "es"}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"TerminologyNames": ["my-terms"]},
        {"Settings": {"Formality": "FORMAL", "Profanity": "MASK", "Brevity": "ON"}},
        {"Settings": None},
    ],
)
def test_a_valid_value_has_no_problem(more: dict[str, Any]):
    assert list(service_model.wrong_types(REQUEST, VALID | more)) == []
    assert list(service_model.violations(REQUEST, VALID | more)) == []


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([], "The request is not of the type structure"),
        (VALID | {"Text": 5}, "Text is not of the type string"),
        (VALID | {"TerminologyNames": "my-terms"}, "TerminologyNames is not of the type list"),
        (VALID | {"TerminologyNames": [None]}, "TerminologyNames.1 is not of the type string"),
        (VALID | {"Settings": {"Formality": 1}}, "Settings.Formality is not of the type string"),
        (VALID | {"text": "Hello"}, "text is unknown to the service"),
    ],
)
def test_a_value_of_another_type_is_found(value: object, problem: str):
    assert list(service_model.wrong_types(REQUEST, value)) == [problem]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"Text": None}, "Text: Member must not be null"),
        ({"Text": ""}, "Text: Member must have length greater than or equal to 1"),
        (
            {"TargetLanguageCode": "e"},
            "TargetLanguageCode: Member must have length greater than or equal to 2",
        ),
        (
            {"TargetLanguageCode": "zh-TWN"},
            "TargetLanguageCode: Member must have length less than or equal to 5",
        ),
        (
            {"Settings": {"Formality": "formal"}},
            "Settings.Formality: Member must satisfy enum value set: ['FORMAL', 'INFORMAL']",
        ),
        (
            {"TerminologyNames": ["two words"]},
            "TerminologyNames.1: Member must satisfy regular expression pattern: ^([A-Za-z0-9-]_?)+$",
        ),
    ],
)
def test_a_violated_constraint_is_found(changed: dict[str, Any], problem: str):
    assert list(service_model.violations(REQUEST, VALID | changed)) == [problem]
