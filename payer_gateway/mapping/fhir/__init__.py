"""What FHIR's own definitions say of the resources we send: a check fast enough for every send."""
