"""Evidence: raw segments, bundles, and the verifier that a regulator can audit.

============  =========================================================================================
source        what an export asks of a gateway (a protocol; the store is never imported)
segments      closed hourly files of exact payload bytes
record        one raw line, read; times of records
chain         what the records of a device prove: links, holes, seals
decode        raw records to series, by the store's rules
recompute     the finding computed again: the only module that knows the detection engine
extent        which raw records and which period a bundle takes
contents      the derived files of a bundle; continuity and report make two of them
bundle        exporting
bag, cms      BagIt folders and zips; detached signatures
trust         the regulator's trust file
verify        all checks; devices (24), results (26), checks (outcomes, words, exit code)
static        guides and verify.sh that every bundle carries
============  =========================================================================================
"""
