"""Pages and interface of the server for every role, without keys and content."""
