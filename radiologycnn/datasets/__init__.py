"""Public data sets of head CTs with outlined bleeds, from the folders that they are downloaded as to a manifest."""
