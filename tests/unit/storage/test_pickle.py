"""Pickle is for those who ask for it by name."""

import os
import pickle
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from dagster_aws.s3 import S3PickleIOManager, S3Resource

from slipway.storage.errors import StorageError, UnsupportedValueError


class Model:
    """Something that neither Parquet nor JSON can hold."""

    def __init__(self, weights: list[float]) -> None:
        self.weights = weights


class Planted:
    """A pickle that does something when it is loaded."""

    def __reduce__(self) -> Any:
        return (os.putenv, ("SLIPWAY_TEST_PLANTED", "1"))


def test_an_asset_that_names_it_is_pickled_beside_the_others(on_s3, s3) -> None:
    @dg.asset
    def features() -> pd.DataFrame:
        return pd.DataFrame({"a": [1.0, 2.0]})

    @dg.asset(io_manager_key="pickle_io_manager")
    def model(features: pd.DataFrame) -> Model:
        return Model(features["a"].tolist())

    @dg.asset
    def score(model: Model) -> float:
        return sum(model.weights)

    server = S3Resource(endpoint_url=s3.environment["AWS_ENDPOINT_URL"], region_name="us-east-1")
    pickled = S3PickleIOManager(s3_resource=server, s3_bucket="assets", s3_prefix="pickle")
    result = dg.materialize(
        [features, model, score], resources={"io_manager": on_s3.manager, "pickle_io_manager": pickled}
    )
    assert result.output_for_node("score") == 3.0
    assert on_s3.keys() == {"features.parquet", "pickle/model", "score.json"}


def test_without_it_an_object_is_refused_with_the_way_to_ask(storage) -> None:
    @dg.asset
    def model() -> Any:
        return Model([1.0])

    with pytest.raises(UnsupportedValueError, match=r"asset model: .*io_manager_key=.pickle_io_manager"):
        storage.materialize(model)
    assert storage.keys() == set()


@pytest.mark.parametrize("name", ["source.parquet", "source.json", "source"])
@pytest.mark.parametrize("annotation", [Any, pd.DataFrame, dict])
def test_a_planted_pickle_is_never_loaded(storage, name, annotation, monkeypatch) -> None:
    def loaded(*_: object, **__: object) -> None:
        raise AssertionError("something was unpickled")

    storage.folder.mkdir(exist_ok=True)
    (storage.folder / name).write_bytes(pickle.dumps(Planted()))
    monkeypatch.setattr(pickle, "loads", loaded)
    monkeypatch.setattr(pickle, "load", loaded)
    kind = dg.DagsterType(lambda _, __: True, "Wanted", typing_type=annotation)
    built = dg.build_input_context(asset_key=dg.AssetKey("source"), dagster_type=kind)
    with built as context, pytest.raises(StorageError):
        storage.manager.load_input(context)
    assert "SLIPWAY_TEST_PLANTED" not in os.popen("env").read()


def test_an_input_that_only_pickle_could_satisfy_is_refused(on_disk) -> None:
    built = dg.build_input_context(
        asset_key=dg.AssetKey("source"), dagster_type=dg.PythonObjectDagsterType(Model)
    )
    with built as context, pytest.raises(UnsupportedValueError, match="input_manager_key"):
        on_disk.manager.load_input(context)
