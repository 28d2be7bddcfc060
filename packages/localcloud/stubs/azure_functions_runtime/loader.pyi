from typing import Any

from azure_functions_runtime.functions import Registry

def index_function_app(function_path: str) -> list[Any]: ...
def process_indexed_function(
    protos: Any, functions_registry: Registry, indexed_functions: list[Any], function_dir: str
) -> tuple[list[Any], Any]: ...
