-- What query.py asks, in Athena: one row per manifest. Athena reads every object under LOCATION, so the table is filtered
-- by "$path"; for millions of folders, list the manifests in an S3 inventory and use a symlink table instead.
-- Replace PROCESSED_BUCKET. The workgroup's results hold patient ids: encrypt them, and let them expire.
CREATE EXTERNAL TABLE manifests (body string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe'
WITH SERDEPROPERTIES ('input.regex' = '^(.*)$')
LOCATION 's3://PROCESSED_BUCKET/processed/';

SELECT coalesce(json_extract_scalar(body, '$.classification.patient.id'), 'unknown') AS patient,
       json_extract_scalar(body, '$.classification.patient.reason') AS reason,
       count(*) AS documents,
       sum(cast(json_extract_scalar(body, '$.source.size') AS bigint)) AS bytes
FROM manifests
WHERE "$path" LIKE '%/_manifest.json'
  AND json_extract_scalar(body, '$.state') = 'filed'
GROUP BY 1, 2
ORDER BY documents DESC, patient;
