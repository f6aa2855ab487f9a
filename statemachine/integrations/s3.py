"""Objects in Amazon S3, or in a store that speaks its protocol.

Rules
- boto3 is loaded on first use; credentials, region and endpoint (``AWS_ENDPOINT_URL_S3``) are found as it finds them.
- Whatever S3 says is told by its error code; nothing else of a request goes into an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, TypeVar, cast

from statemachine.errors import StatemachineError
from statemachine.integrations.objects import ObjectError, ObjectInfo

T = TypeVar("T")


class S3Objects:
    """Objects in S3. `client` is a boto3 client for ``s3``; None: one of the default session.

    Raises StatemachineError if boto3 is missing.
    """

    def __init__(self, client: Any = None) -> None:
        self._client = client or _default_client()

    def get_object(self, bucket: str, key: str, version: str | None = None) -> BinaryIO:
        """The body of GetObject."""
        wanted = {"Bucket": bucket, "Key": key} | ({} if version is None else {"VersionId": version})
        answer = _call(f"the object {key} of the bucket {bucket} cannot be read", self._client.get_object, wanted)
        return cast("BinaryIO", answer["Body"])

    def put_object(self, bucket: str, key: str, data: bytes) -> None:
        """PutObject."""
        wanted = {"Bucket": bucket, "Key": key, "Body": data}
        _call(f"the object {key} of the bucket {bucket} cannot be written", self._client.put_object, wanted)

    def list_objects(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        """ListObjectsV2, page after page."""
        wanted: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
        while True:
            page = _call(f"the bucket {bucket} cannot be listed", self._client.list_objects_v2, wanted)
            for each in page.get("Contents", ()):
                modified = int(each["LastModified"].timestamp())
                yield ObjectInfo(
                    each["Key"], each["ETag"], modified, each["Size"], each.get("StorageClass", "STANDARD")
                )
            if not page.get("IsTruncated"):
                return
            wanted["ContinuationToken"] = page["NextContinuationToken"]


def _default_client() -> Any:
    try:
        import boto3
    except ImportError:
        raise StatemachineError("S3 needs boto3: pip install 'asl-statemachine[aws]'") from None
    return boto3.client("s3")


def _call(failure: str, method: Callable[..., T], wanted: dict[str, Any]) -> T:
    try:
        return method(**wanted)
    except Exception as error:  # noqa: BLE001 - botocore makes its classes of errors at run time
        answer = getattr(error, "response", None)
        code = answer.get("Error", {}).get("Code") if isinstance(answer, dict) else None
        raise ObjectError(f"{failure}: {code or type(error).__name__}") from None
