"""One published format each, with a toy in that format.

aro: ARO
bivlc: BiVLC
clevr: CLEVR with two objects
coco: COCO and Flickr30k retrieval
cola: COLA
pug: PUG: SPAR
sugarcrepe: SugarCrepe and SugarCrepe++
valse: VALSE
"""
