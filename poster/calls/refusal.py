"""Why does a call fail, and what would mend it? Pure: one sentence from its row."""

from __future__ import annotations

from poster.rows.record import Observation

_OF_STATUS = {
    301: "the API has moved: call the address that it redirects to",
    302: "the API redirects: call the address that it redirects to",
    307: "the API redirects: call the address that it redirects to",
    308: "the API has moved: call the address that it redirects to",
    400: "the API does not take what is sent: see --body and --header",
    401: "the API wants to know who calls: pass --header 'Authorization: ...'",
    403: "the API refuses: --sign signs for AWS_IAM, --header 'x-api-key: ...' passes a key; API"
    " Gateway also answers so for a path or a method that it does not have",
    404: "there is no such path: check the URL",
    405: "the API does not take this method: see --method",
    415: "the API does not take this kind of body: see --header 'Content-Type: ...'",
    429: "the API turns calls away: call less often (--pause, --rate)",
    500: "the function failed, or API Gateway may not invoke it: see its log and its permission",
    502: "the function crashed, or answered in a form that API Gateway does not take: see its log",
    503: "the API is out of order, or its function took longer than an HTTP API waits: see its log",
    504: "the function took longer than API Gateway waits: see its log",
}
_OF_ERROR = {
    "COULDNT_RESOLVE_HOST": "there is no such host: check the URL",
    "COULDNT_CONNECT": "nothing listens there: check host and port",
    "OPERATION_TIMEDOUT": "no answer in time: see --timeout, and the network on the way",
    "PEER_FAILED_VERIFICATION": "its certificate is not trusted: name the CA in SSL_CERT_FILE",
    "SSL_CONNECT_ERROR": "it does not speak TLS there: check http against https",
}


def why(call: Observation | None, method: str) -> str:
    """Return what a failed call says, with the way out where one is known."""
    if call is None:
        return "no call has ended yet: see --timeout"
    said = f"{method}: {call.error or call.outcome}"
    error = (call.error or "").partition(":")[0]
    way_out = _OF_ERROR.get(error) if call.status is None else _OF_STATUS.get(call.status)
    return f"{said} - {way_out}" if way_out else said
