"""The one part that unwraps keys: policy, log entry, unwrap, stream."""
