"""What changes the registry: members and models countersigned, the end of the registry moved."""
