"""Whether a deployment works: `touchdown check`."""
