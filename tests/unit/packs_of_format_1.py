"""Packs as the first release that packed usage stored them: format 1, which must be read as long as there are some."""

import uuid
from base64 import b85decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monthclose.domain.usage import UsageEvent

_RECEIVED = datetime(2026, 11, 1, 9, 30, 0, 123456, tzinfo=UTC)


def _event(number: int, name: str) -> UsageEvent:
    return UsageEvent(
        name,
        "acme",
        f"sku-{number % 4}",
        Decimal(number * 7919 % 10_000) / 100,
        datetime(2026, 10, 1, tzinfo=UTC) + timedelta(seconds=number * 863 + number * number % 57),
        unit_price=Decimal(number).scaleb(-2) if number % 5 else None,
        resource=f"web-{number % 65}",
        received_at=_RECEIVED,
        replaced_by="e9" if number == 4 else "",
        replaced_at=_RECEIVED if number == 4 else None,
        attributes=(("region", "eu"),) if number % 3 else (),
    )


def _events(count: int, name: Callable[[int], str]) -> list[UsageEvent]:
    return [_event(number, name(number)) for number in range(count)]


_COUNTED = (
    "0eITgmr0WxH4sMsilVQi70OkTZ#MhBnRUVk+YDeZw(){lg8xpYvNhC^0}+O{r*fuq^!jD>SL&%hP7hDlksF-upRQkcxjaGhe-{WBC&Uw+ko_>?"
    "n-&N1L-((Fx(%lrH(!12^*7#pdF6E5EuOl0=sx}N`L%G2iswq_%3Js4euc%)uFG&LZq`bl6=%^=c@*wddqJz+%G5fwbgd{wr7{=hs#K6_$1<_b"
    "(y=yQ+A57gvq~?cnw8P(&|<wdDPonlkXE50)vye%qZrjWi%>;hh?RS3RV`GyhRT$}qaqjVm8ndtilNfOWX!@++bGDDdYM$kLd7&xhA(Zkaha8<"
    "j8O$c#lob|FqxzHQ10qOSur0<L#0coOn=RazOYrsqO)q4*bI{~%JiXn={}Sd^`SIWOhRS&OLA>gI#u$eSeJ=TH|ZlxW-sPbxr$Gvg?uVMwY77o"
    "Oe!W7u?SZ`VLp_<X0;I}!x#EYR@jHqf<BaligBn6Dr&W1VXgl5_*64Ybc9LoVKRNGkL62!EGfgs;&AB{E)xs&>ZhsFEW@W7p<+E$h86Ou+_sW0"
    "^r1LhjKXDL@#xGE0qQ*h<RTs*7x4hOi3ey(1gLWaNGSs3CLSO+@ue*SWHSOJBLd_io*;_=4T}JoMu0>jKyKm*A`g&@cz_HeK++;WI3q#s;t6sW"
    "PmuOV5L+Y&)e{uae->A2TMxiK+dvxa{Kze5n8bEtwvMswjNaCf)^T<F>QY?eW3292UFz%m)g5asugz<&F0U@n^~~zZ>Wap8))rY-R~K2MJJ*Ic"
    "bgk9Zwbiw?)^r_L*H#zPaCQ6Y_SL1u8R@*bv>Zk{ueH3^&ei2KT+_|fl{B<vyU4n_nue>ZYj$00ZFP+f8}(anzw_>U?|<;&M<0Lk>8;N`|KiK9"
    "zP@w!-Zz)ue)s+TAAWrB)5AxPe}3}x+4Ems{QBGP4T<I7TDUgq$Nu&UTs(aK;DPUbe$kv(p)8!m=eYU>%cpvlk!Ak<3z!5<0ww_u1WW=Z0h53S"
    "0wsZxKuMqjfs#N;pd`?Nz)9dFa1!`H;3RMoI0<|pND?Fok_0&rBngrPNrD^*ngmUPCP5DbO@bytlb{EJCBc$lNw5RKl3+=&B-nw_lhBjUlh6-@"
    "o`jx+o`ilNj3kUCj3kT$VI*NBVI*N32r~&Y2{Q@vK$uCGNtj8PR|L#VVrCLElX%D^W+pK+iJ3_}WD+xzn3=@PBpxz}nMuq{VrCK#nZ(Q_W+pK+"
    "iHA&LW)d@#n3=@LWL#rU{2C+QNMBsuU4INk#dD=|<#UyD)pNCT?dLkqb#BfTa1(JOaWip4aZ_<)adUBlag%A2>B@DJX_IM_X_IM_X_IM_X_I-A"
    "d6W6-G;A_&GH)_(GH)_(GH<eMvTU+!vRs|vO_oiTO_oiTO_oj8P1a4;P1a4;t2b|xb(3|Ib(3|IZIf-2ZIf-2{i?qWek*`Lz#yPt&|$y?^d}LJ"
    "02xpK70~>19B=?mpa$e?2#A3MNP!Hf0}Y@Fev82f>_`R{U<Eed4m^M-NCQC-0`XTA5Ct)i4l+O{Xahx10%cGaQcwf!paXP*H82DtFa{I&zlz7j"
    "doS<7sFC?KcCF#9Hm`HL-r_TkMeUUqKg1{c-Ms0^E#Wfn#{6;f#>;$!#fziZKbhpep?&9|eQ|Mma{1l;M-TmqxP0#0>iP@n=1cy6y8Y*0)h%@~"
)
_UUIDS = (
    "0eIStP(g0PAQ1ct+H2Qnmj!Hmi{H>2@}a4$Dr)4kNv#~J{=ExsWFNa?W--jbm~WV&j|eB|Gh+roXbQq(qJR-|haN@2ZX6MAsul#Jo45C+Ayb$u"
    "yUJpA>*|Nk%|WJ3mXiscmCi_OLu)wNHkuS{3Pt^;YDcw@+e96^j{XWC=Xi0(izvJzC?b?_A8PiP=jD9X%PcX}=GG=_^MFNA^w%xgeL8CB!d%%^"
    "mdd_zjrXb!LU80_!`u)*Q|g6!BFj#Eh)+~LiuAa?>l$WCW$B<b9Lnsz-~7*MoAqU9%^9xK+vzgvA54qBK~WBa4j6xa0feG(umfC9pw~OS>(=~$"
    "YXtJ_JAlak`e$=Mh5IZPEp^`mGfQhR5~9D$^!RYVl}j`{2|Ryh?fG7nIdI;1j{B<rY+4Ai`fF;y27?bkbhfJeq>h!IswlXmh~Ug_+8h"
)

PACKS_OF_FORMAT_1 = [
    (_events(130, lambda number: f"e{number * 10 + number * number % 7}"), b85decode(_COUNTED)),
    (_events(6, lambda number: str(uuid.uuid5(uuid.NAMESPACE_URL, str(number)))), b85decode(_UUIDS)),
]
"""The events, and the pack of them."""
