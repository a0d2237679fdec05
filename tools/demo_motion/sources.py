"""The literature behind the rules: D1..D22, cited by id in the other modules' comments.

Abstracts were read, most full texts were not: millimetres, mm/s and mm^2 below are usual ranges, not quotations.

D1  The mouth moves 100-300 ms before the voice at the start of an utterance. Chandrasekaran et al. 2009,
    PLoS Comput Biol.
D2  Inside running speech sound lags vision by about -20..+70 ms; only utterance onsets show long leads.
    Schwartz & Savariaux 2014, PLoS Comput Biol.
D3  Lip contact for /p/ falls within -10..+20 ms of the voice's offset. Folkins & Zimmermann 1982, JASA.
D4  Lips still move near peak speed at contact and press on: the target is a negative aperture. Loefqvist &
    Gracco 1997, JASA.
D5  Lip height at closure varies by 3 mm (upper) and 5 mm (lower). Loefqvist & Gracco 1994.
D6  Bilabial closures last about 40-130 ms and are the longest of the stops. Stathopoulos & Weismer 1983, J
    Phonetics; Byrd 1993.
D7  Jaw opening a > e > o > i > u. Kawahara, Erickson & Suemitsu 2017.
D8  Incisor drop: high vowels 1-4, mid 3-7, low 6-12 mm, more under stress. Erickson; Ostry & Munhall; de Jong 1995
    (ranges as usually quoted).
D9  The jaw's yaw and roll in speech are small. Vatikiotis-Bateson & Ostry 1995, J Phonetics.
D10 Peak speeds: lower lip 100-250, jaw 50-150 mm/s, lower lip > upper lip, corners, jaw. Birkholz & Hoole
    2012; McClean 2000.
D11 Faster speech: smaller jaw movement, closures persist. Shaiman 1994 and others.
D12 Jaw, lower and upper lip share a closure; the jaw carries 40-60 % of the lower lip and moves last.
    Gracco 1988, J Neurosci; Alfonso 1995.
D13 Rounding starts earlier the more consonants precede. Noiray et al. 2011, JASA.
D14 The jaw anticipates low vowels, but a sibilant holds it high. (lip and jaw coarticulation studies of /ae/)
D15 Mouth area follows the sound's envelope, mostly at 2-7 Hz. Chandrasekaran et al. 2009.
D16 Face movement is largely linear in vocal-tract movement. Yehia, Rubin & Vatikiotis-Bateson 1998, Speech
    Comm.
D17 Inner-lip areas: open vowels 150-400, /i/ 60-200, /u/ 20-100, /w/ 10-50, /sh/ 60-180, /f v/ 15-70, /p b
    m/ 0 mm^2.
    (after Abry & Boe, Linker, Fromkin; values are usual ranges)
D18 At rest the lips are 0-3 mm apart. Jacobson 2006; Burstone 1967.
D19 Speech is often prepared by an audible, open-mouthed breath. Scobbie 2011; Whalen & Kinsella-Shaw 1997.
D20 The mouth does not snap shut in pauses. Krivokapic 2020.
D21 Blinks while talking 10-33 a minute, reading 1.4-14; intervals log-normal. Bentivoglio 1997; Doughty 2001.
D22 Brow raises mark accents, start before the word, are not automatic. Cave 1996; Kim, Cvejic & Davis 2014.
"""
