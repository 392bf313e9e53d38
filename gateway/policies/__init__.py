"""Policies (惠企政策): texts and their tags, who matches, awards without application (免申即享), libraries (企业培育库)."""
