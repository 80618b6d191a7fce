"""Signatures are those of the Standard Webhooks specification."""

import base64
import hashlib
import hmac

from marketplace.webhooks.signing import new_secret, signed_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_signature_is_that_of_the_specification() -> None:
    """HMAC-SHA256 over ``id.timestamp.body`` by the decoded secret, in base64, written out here by hand."""
    body = '{"type":"webhook.test","data":{"名":1}}'
    headers = signed_headers([SECRET], 7, body, 1_674_087_231_999)
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = hmac.new(key, f"evt_7.1674087231.{body}".encode(), hashlib.sha256).digest()
    assert headers == {
        "webhook-id": "evt_7",
        "webhook-timestamp": "1674087231",
        "webhook-signature": "v1," + base64.b64encode(expected).decode(),
    }


def test_two_secrets_give_two_signatures() -> None:
    other = new_secret()
    both = signed_headers([SECRET, other], 7, "{}", 0)["webhook-signature"].split(" ")
    assert both == [signed_headers([each], 7, "{}", 0)["webhook-signature"] for each in (SECRET, other)]


def test_a_new_secret_has_32_random_bytes() -> None:
    first, second = new_secret(), new_secret()
    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32
