"""What QuickSight is given, against AWS's own service model, the columns of the views, cfn-lint and moto."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.model
import botocore.validate
import cfnlint.decode
import pytest

import aws
from collector import EXIT_DONE, Program

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATE = REPOSITORY / "deploy" / "quicksight.yaml"
CFN_LINT = Path(sys.executable).with_name("cfn-lint")
PAYLOADS = {path.stem: json.loads(path.read_text()) for path in sorted((REPOSITORY / "quicksight").glob("*.json")) if path.stem != "views"}
OPERATIONS = {
    "data_source": "CreateDataSource",
    "data_set": "CreateDataSet",
    "refresh_schedule": "CreateRefreshSchedule",
    "analysis": "CreateAnalysis",
    "dashboard": "CreateDashboard",
    "topic": "CreateTopic",
}
DATA_SETS = {name.removeprefix("data_set_"): payload for name, payload in PAYLOADS.items() if name.startswith("data_set_")}
DEFINITION = PAYLOADS["analysis"]["Definition"]
ACCOUNT = "123456789012"
VALUES = {
    "AWS::AccountId": ACCOUNT,
    "NamePrefix": "kms-insights",
    "Database": "kms_insights_database",
    "WorkGroup": "primary",
    "OwnerArn": f"arn:aws:quicksight:us-east-1:{ACCOUNT}:group/default/auditors",
    "Role.Arn": f"arn:aws:iam::{ACCOUNT}:role/reader",
    "DataSource.Arn": f"arn:aws:quicksight:us-east-1:{ACCOUNT}:datasource/kms-insights-athena",
} | {f"{name.capitalize()}DataSet.Arn": f"arn:aws:quicksight:us-east-1:{ACCOUNT}:dataset/kms-insights-{name}" for name in DATA_SETS}


def operation(name: str) -> str:
    return next(operation for kind, operation in OPERATIONS.items() if name == kind or name.startswith(f"{kind}_"))


def filled_in(value: Any) -> Any:
    """A payload with its places filled in."""
    match value:
        case dict():
            return {key: filled_in(item) for key, item in value.items()}
        case list():
            return [filled_in(item) for item in value]
        case str():
            return re.sub(r"\$\{([^}]+)\}", lambda match: VALUES[match[1]], value)
        case _:
            return value


@cache
def shape(name: str) -> Any:
    """What an operation takes, in AWS's own words."""
    return service_model().operation_model(operation(name)).input_shape


@cache
def service_model() -> botocore.model.ServiceModel:
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("quicksight", "service-2"))


def problems(name: str, payload: Any) -> str:
    """What AWS's own service model has against a payload."""
    return botocore.validate.ParamValidator().validate(payload, shape(name)).generate_report()


@pytest.mark.parametrize("name", PAYLOADS)
def test_every_payload_is_what_the_service_model_describes(name: str) -> None:
    assert problems(name, filled_in(PAYLOADS[name])) == ""
    # The model lists the words that a member may be, and leaves it to the service to refuse others.
    assert list(wrong_words(name, filled_in(PAYLOADS[name]))) == []


def wrong_words(name: str, payload: Any) -> Iterator[str]:
    def look(value: Any, shape: Any, place: str) -> Iterator[str]:
        if shape.type_name == "structure":
            for key, item in value.items():
                yield from look(item, shape.members[key], f"{place}.{key}")
        elif shape.type_name == "list":
            limit = shape.metadata.get("max")
            if limit is not None and len(value) > limit:
                yield f"{place}: {len(value)} elements, at most {limit}"
            for index, item in enumerate(value):
                yield from look(item, shape.member, f"{place}[{index}]")
        elif shape.type_name == "map":
            for key, item in value.items():
                yield from look(item, shape.value, f"{place}.{key}")
        elif shape.type_name == "string":
            if shape.enum and value not in shape.enum:
                yield f"{place}: {value} is none of {shape.enum}"
            limit, pattern = shape.metadata.get("max"), shape.metadata.get("pattern")
            if limit is not None and len(value) > limit:
                yield f"{place}: {len(value)} characters, at most {limit}"
            if pattern and not re.fullmatch(pattern, value):
                yield f"{place}: {value!r} is not {pattern}"

    yield from look(payload, shape(name), operation(name))


def test_the_service_model_does_refuse() -> None:
    wrong = filled_in(copy.deepcopy(PAYLOADS["dashboard"]))
    wrong["Definition"]["Sheets"][0]["Visuals"][0]["KPIVisual"]["Colour"] = "red"
    assert 'Unknown parameter in Definition.Sheets[0].Visuals[0].KPIVisual: "Colour"' in problems("dashboard", wrong)
    wrong = filled_in(copy.deepcopy(PAYLOADS["data_set_keys"]))
    wrong["ImportMode"] = "QUICKLY"
    assert len(list(wrong_words("data_set_keys", wrong))) == 1


@pytest.fixture(scope="module")
def lake(program: Program, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("demo") / "lake"
    program.run("demo", "--lake", str(folder), "--seed", "7", "--accounts", "12", credentials=None).expect(EXIT_DONE)
    return str(folder)


def columns(data_set: dict[str, Any]) -> dict[str, str]:
    """The columns that a data set declares, in order."""
    (table,) = data_set["PhysicalTableMap"].values()
    declared = table["RelationalTable"]["InputColumns"] if "RelationalTable" in table else table["CustomSql"]["Columns"]
    return {column["Name"]: column["Type"] for column in declared}


@pytest.mark.parametrize("name", DATA_SETS)
def test_every_data_set_has_the_columns_of_its_view_whole_and_in_order(program: Program, lake: str, name: str, tmp_path: Path) -> None:
    import duckdb

    (table,) = filled_in(DATA_SETS[name])["PhysicalTableMap"].values()
    sql = table["CustomSql"]["SqlQuery"] if "CustomSql" in table else f'SELECT * FROM "{table["RelationalTable"]["Schema"]}"."{table["RelationalTable"]["Name"]}"'
    file = tmp_path / "rows.parquet"
    program.run("query", sql, "--lake", lake, "--format", "parquet", "--output", str(file)).expect(EXIT_DONE)
    found = duckdb.sql(f"DESCRIBE SELECT * FROM '{file}'").fetchall()
    kinds = {"VARCHAR": "STRING", "INTEGER": "INTEGER", "BIGINT": "INTEGER", "DOUBLE": "DECIMAL", "BOOLEAN": "BOOLEAN", "DATE": "DATETIME"}
    assert list(columns(DATA_SETS[name]).items()) == [(column, kinds.get(kind, "DATETIME" if kind.startswith("TIMESTAMP") else kind)) for column, kind, *_ in found]


def named(value: Any, key: str) -> Iterator[Any]:
    """Every value below a name, wherever it stands."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == key:
                yield item
            yield from named(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from named(item, key)


def kind_of(column: dict[str, str]) -> str:
    """The type of a column that a visual or filter names; calculated fields are numbers, or texts where they say so."""
    name, field = column["DataSetIdentifier"], column["ColumnName"]
    for calculated in DEFINITION["CalculatedFields"]:
        if (calculated["DataSetIdentifier"], calculated["Name"]) == (name, field):
            return "STRING" if "'not known'" in calculated["Expression"] else "INTEGER"
    return columns(DATA_SETS[name])[field]


def test_every_field_of_a_visual_is_a_column_of_a_fitting_type() -> None:
    fitting = {
        "CategoricalDimensionField": {"STRING"},
        "DateDimensionField": {"DATETIME"},
        "NumericalDimensionField": {"INTEGER", "DECIMAL"},
        "NumericalMeasureField": {"INTEGER", "DECIMAL"},
        "CategoricalMeasureField": {"STRING"},
        "CategoryFilter": {"STRING"},
    }
    seen = set()
    for key, kinds in fitting.items():
        for field in named(DEFINITION, key):
            assert kind_of(field["Column"]) in kinds, field
            seen.add(key)
    assert {"CategoricalDimensionField", "NumericalMeasureField", "CategoricalMeasureField", "CategoryFilter"} <= seen
    # Whatever else names a column.
    for column in named(DEFINITION, "Column"):
        kind_of(column)


def test_calculated_fields_name_columns_of_their_data_set() -> None:
    for field in DEFINITION["CalculatedFields"]:
        names = re.findall(r"\{(\w+)\}", field["Expression"])
        assert names and set(names) <= set(columns(DATA_SETS[field["DataSetIdentifier"]])), field


def test_the_analysis_and_the_dashboard_show_the_same() -> None:
    assert PAYLOADS["dashboard"]["Definition"] == DEFINITION
    declared = {item["Identifier"]: item["DataSetArn"] for item in DEFINITION["DataSetIdentifierDeclarations"]}
    assert declared == {name: f"${{{name.capitalize()}DataSet.Arn}}" for name in declared} and set(declared) == set(DATA_SETS)


def test_the_topic_knows_every_column_of_its_data_sets_and_filters_by_them() -> None:
    sets = PAYLOADS["topic"]["Topic"]["DataSets"]
    names = {f"${{{name.capitalize()}DataSet.Arn}}": name for name in DATA_SETS}
    for item in sets:
        declared = columns(DATA_SETS[names[item["DatasetArn"]]])
        assert [column["ColumnName"] for column in item["Columns"]] == list(declared)
        for column in item["Columns"]:
            assert ("Aggregation" in column) == (declared[column["ColumnName"]] in {"INTEGER", "DECIMAL"}), column
        for condition in item.get("Filters", []):
            assert declared[condition["OperandFieldName"]] == "STRING"
    filters = {condition["FilterName"]: condition for item in sets for condition in item.get("Filters", [])}
    assert len(filters) == sum(len(item.get("Filters", [])) for item in sets)


def test_which_keys_can_accounts_outside_the_organization_decrypt_with(program: Program, lake: str) -> None:
    """The words of the question lead to two filters of one data set, and these to the rows that answer it."""
    (item,) = [item for item in PAYLOADS["topic"]["Topic"]["DataSets"] if item["DatasetArn"] == "${AccessDataSet.Arn}"]
    filters = {word: condition for condition in item["Filters"] for word in [condition["FilterName"], *condition["FilterSynonyms"]]}
    conditions = []
    for words in ("accounts outside the organization", "decrypt with"):
        condition = filters[words]
        constant = condition["CategoryFilter"]["Constant"]
        if constant["ConstantType"] == "SINGULAR":
            conditions.append(f"{condition['OperandFieldName']} LIKE '%{constant['SingularConstant']}%'")
        else:
            values = ", ".join(f"'{value}'" for value in constant["CollectiveConstant"]["ValueList"])
            conditions.append(f"{condition['OperandFieldName']} IN ({values})")
    answered = program.query(f"SELECT DISTINCT key_arn FROM external_access WHERE {' AND '.join(conditions)} ORDER BY key_arn", lake)
    wanted = program.query(
        "SELECT DISTINCT a.key_arn FROM key_access a JOIN keys k ON k.key_arn = a.key_arn "
        "WHERE a.capability = 'decrypt' AND a.trust IN ('outside', 'public') AND a.kind <> 'intent' AND k.outside_account <> 'no' ORDER BY a.key_arn",
        lake,
    )
    assert answered == wanted and answered


@pytest.mark.parametrize("condition", [c for item in PAYLOADS["topic"]["Topic"]["DataSets"] for c in item.get("Filters", [])], ids=lambda c: c["FilterName"])
def test_the_values_of_named_filters_are_words_of_the_lake(condition: dict[str, Any]) -> None:
    """A value with a slip in it would find nothing, and say nothing."""
    constant = condition["CategoryFilter"]["Constant"]
    values = [constant["SingularConstant"]] if "SingularConstant" in constant else constant["CollectiveConstant"]["ValueList"]
    files = [REPOSITORY / "docs" / "tables.md", REPOSITORY / "docs" / "findings.md", *(REPOSITORY / "athena" / "views").glob("*.sql")]
    known = {word for file in files for word in re.findall(r"\w+", file.read_text())}
    assert [value for value in values if value not in known] == []


def as_template(value: Any) -> Any:
    """A part of the template with its functions written as the payloads write them."""
    match value:
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"${{{resource}.{attribute}}}"
        case {"Fn::Sub": text}:
            return text
        case dict():
            return {key: as_template(item) for key, item in value.items()}
        case list():
            return [as_template(item) for item in value]
        case _:
            return value


def test_the_template_makes_what_the_payloads_say_and_nothing_else() -> None:
    template, matches = cfnlint.decode.decode(str(TEMPLATE))
    assert not matches
    resources = {name: json.loads(json.dumps(resource)) for name, resource in template["Resources"].items()}
    assert {resources.pop(name)["Type"] for name in ("Role", "ReadPolicy")} == {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy"}
    made = []
    for resource in resources.values():
        properties = as_template(resource["Properties"])
        if resource["Type"] == "AWS::QuickSight::Topic":
            properties = {"Topic": {key: value for key, value in properties.items() if key not in ("AwsAccountId", "TopicId")}, "AwsAccountId": properties["AwsAccountId"], "TopicId": properties["TopicId"]}
        if resource["Type"] == "AWS::QuickSight::RefreshSchedule":
            frequency = properties["Schedule"]["ScheduleFrequency"]
            frequency["Timezone"] = frequency.pop("TimeZone")
        made.append(properties)
    order = lambda items: sorted(items, key=lambda item: json.dumps(item, sort_keys=True))  # noqa: E731
    assert order(made) == order(PAYLOADS.values())


def test_the_template_is_free_of_warnings() -> None:
    done = subprocess.run([str(CFN_LINT), "--include-checks", "I", "--", str(TEMPLATE)], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_cfn_lint_does_refuse(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(TEMPLATE.read_text().replace("AnalysisId:", "AnalysesId:"))
    done = subprocess.run([str(CFN_LINT), "--", str(wrong)], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode != 0 and "AnalysesId" in done.stdout


def test_every_parameter_is_described_and_takes_only_what_it_should() -> None:
    template, _ = cfnlint.decode.decode(str(TEMPLATE))
    parameters = template["Parameters"]
    for name, parameter in parameters.items():
        assert parameter["Description"] and parameter["AllowedPattern"] and parameter["ConstraintDescription"], name
    takes = lambda name, text: re.search(parameters[name]["AllowedPattern"], text) is not None  # noqa: E731
    assert takes("OwnerArn", "arn:aws-us-gov:quicksight:us-gov-west-1:111122223333:user/default/me@example.com")
    assert not takes("OwnerArn", "arn:aws:iam::111122223333:user/me")
    assert takes("LakePrefix", "") and takes("LakePrefix", "a/b") and takes("LakePrefix", "a") and not takes("LakePrefix", "/a") and not takes("LakePrefix", "a/")
    assert not takes("Database", 'x"y') and not takes("WorkGroup", "a b")


def test_moto_takes_what_it_knows_of(moto_endpoint: str) -> None:
    quicksight = aws.client("quicksight", moto_endpoint)
    quicksight.create_data_source(**filled_in(PAYLOADS["data_source"]))
    for name in DATA_SETS:
        quicksight.create_data_set(**filled_in(PAYLOADS[f"data_set_{name}"]))
    quicksight.create_dashboard(**filled_in(PAYLOADS["dashboard"]))
    source = quicksight.describe_data_source(AwsAccountId=ACCOUNT, DataSourceId="kms-insights-athena")["DataSource"]
    assert (source["Type"], source["Name"]) == ("ATHENA", "kms-insights")
    assert quicksight.describe_dashboard(AwsAccountId=ACCOUNT, DashboardId="kms-insights-dashboard")["Dashboard"]["Name"] == "KMS keys"
