"""The HTTP application: translates requests into use cases and their answers, decides nothing itself."""

from api.app import create_app, openapi_document, openapi_text
from api.services import Limits, LiveInboxes, MatchService, Services

__all__ = ["Limits", "LiveInboxes", "MatchService", "Services", "create_app", "openapi_document", "openapi_text"]
