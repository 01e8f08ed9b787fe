"""Epoch keys in AWS KMS.

Stage: a key store under `roots.EpochRoots`. In: an epoch root; out: the same encrypted
by a customer managed key. Credentials come from the environment as every AWS tool
reads them; the broker's identity needs kms:CreateKey, Encrypt, Decrypt and
ScheduleKeyDeletion, and nobody else needs Decrypt.

Source: AWS KMS API reference; the waiting period is 7 to 30 days.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from overt.protocol.errors import NetworkError, SealError, UsageError, VaultError

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_DAYS = 7  # the least that AWS allows
_INSTALL = "Install the extra: pip install 'overt[aws]'."
_DYING = ("PendingDeletion", "PendingReplicaDeletion")
_NO_KEY = frozenset({"NotFoundException", "KMSInvalidStateException"})
_WRONG = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class AwsStore:
    """Keys of one AWS account and region.

    Args:
        region: The region.
        endpoint: URL of the service; the region's own where empty.

    Raises:
        UsageError: The library is missing, or there are no credentials.
    """

    destruction = (
        f"Final {WAIT_DAYS} days after the key's deletion was ordered, which is today;"
        " until then whoever administers the AWS account can cancel it."
    )
    counting = (
        "AWS CloudTrail, where it is on, counts openings of epoch roots: one a start of"
        " the broker. Of single reads: unknown; only the broker's own book counts them."
    )

    def __init__(self, region: str, endpoint: str = "") -> None:
        try:
            import boto3
            from botocore import exceptions
        except ImportError as error:
            raise UsageError("AWS KMS is not installed.", remedy=_INSTALL) from error
        self._errors: Any = exceptions
        try:
            self._client: Any = boto3.client(
                "kms", region_name=region, endpoint_url=endpoint or None
            )
        except (exceptions.BotoCoreError, ValueError) as error:
            raise UsageError(
                f"AWS KMS in {region!r:.40} cannot be used.",
                remedy="Check region and credentials.",
            ) from error

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def make_key(self, name: str) -> str:
        """Make a symmetric key; return its id."""
        answer = self._ask(
            lambda: self._client.create_key(
                Description=name,
                KeySpec="SYMMETRIC_DEFAULT",
                KeyUsage="ENCRYPT_DECRYPT",
            )
        )
        return str(answer["KeyMetadata"]["KeyId"])

    def wrap(self, key: str, root: bytes, context: bytes) -> bytes:
        """Return KMS's ciphertext of the root, the context as encryption context."""
        answer = self._ask(
            lambda: self._client.encrypt(
                KeyId=key, Plaintext=root, EncryptionContext=_context(context)
            )
        )
        return bytes(answer["CiphertextBlob"])

    def unwrap(self, key: str, wrapped: bytes, context: bytes) -> bytes:
        """Return the root.

        Raises:
            SealError: Another context, or altered bytes.
            VaultError: The key waits for its deletion or is gone, or KMS refuses.
            NetworkError: KMS is away.
        """
        if self._is_dying(key):
            raise VaultError("The key of an epoch waits for its deletion in AWS KMS.")
        answer = self._ask(
            lambda: self._client.decrypt(
                KeyId=key, CiphertextBlob=wrapped, EncryptionContext=_context(context)
            )
        )
        return bytes(answer["Plaintext"])

    def destroy(self, key: str) -> None:
        """Order a key's deletion; one that waits for it or is gone is left so."""
        if not self._is_dying(key):
            self._ask(
                lambda: self._client.schedule_key_deletion(
                    KeyId=key, PendingWindowInDays=WAIT_DAYS
                )
            )

    def _is_dying(self, key: str) -> bool:
        try:
            answer = self._client.describe_key(KeyId=key)
        except self._errors.ClientError as error:
            if _code(error) in _NO_KEY:
                return True
            raise self._refusal(error) from error
        except self._errors.BotoCoreError as error:
            raise self._refusal(error) from error
        return str(answer["KeyMetadata"]["KeyState"]) in _DYING

    def _ask(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (self._errors.ClientError, self._errors.BotoCoreError) as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> SealError | VaultError | NetworkError:
        if not isinstance(error, self._errors.ClientError):
            return NetworkError("AWS KMS is away.", remedy="Reading waits for it.")
        if _code(error) in _WRONG:
            return SealError("An epoch root does not open in AWS KMS.")
        return VaultError(
            f"AWS KMS refuses ({_code(error)}).",
            remedy="Check what the broker's identity may do.",
        )


def _context(context: bytes) -> dict[str, str]:
    return {"overt": base64.b64encode(context).decode()}


def _code(error: Any) -> str:
    return str(error.response["Error"]["Code"])
