"""The transparency log: an RFC 6962 tree in C2SP tlog-tiles layout."""
