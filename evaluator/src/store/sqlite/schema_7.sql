-- The span that accepted a job, as W3C Trace Context writes it, where traces are collected.
ALTER TABLE jobs ADD COLUMN trace TEXT;
