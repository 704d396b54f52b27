package api

// Kept is what the journal keeps of a body.
var Kept = kept
