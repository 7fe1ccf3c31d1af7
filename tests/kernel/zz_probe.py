import time, sys, traceback; t0=time.time()
def u(*a): print(f"@{time.time()-t0:5.1f}", *a, flush=True)
from kernel.house import *
from kernel.sides import *
from kernel.pppoe import pppoe
from kernel.radio import wifi
from kernel.inside import *
import subprocess, os
u("imported")
LAN=bridge(port("lan1"),port("lan2")) 
def lan(r,f,s):
    return bridge(port("lan1"))(r,f,s)
S={
 "static": Shape({"lan":lan,"wan":port("wan")}),
 "vlan wan": Shape({"lan":lan,"wan":vlan(port("eth1"),7)}),
 "pppoe": Shape({"lan":lan,"wan":pppoe(port("eth1"))}),
 "pppoe on vlan": Shape({"lan":lan,"wan":pppoe(vlan(port("eth1"),7))}),
 "filtering": Shape({"lan":filtering("lan1",10),"iot":filtering("lan2",20,tagged=True),"wan":port("wan")}),
 "swconfig": Shape({"lan":bridge(vlan(port("eth0"),1)),"wan":vlan(port("eth1"),2)}),
 "bond wan": Shape({"lan":lan,"wan":bond("eth1","eth2")}),
 "bond in bridge": Shape({"lan":bridge(bond("eth1","eth2")),"wan":port("wan")}),
 "wireguard": Shape({"lan":lan,"wan":port("wan"),"vpn":wireguard("203.0.113.1","203.0.113.2")}),
 "docker": Shape({"lan":lan,"docker":container,"wan":port("wan")}),
 "two wans": Shape({"lan":lan,"wan":port("eth1"),"wan2":port("eth2")}),
 "two wans one zone": Shape({"lan":lan,"wan":port("eth1"),"wan2":port("eth2")}, zones={"wan2":"wan"}),
 "nat66": Shape({"lan":lan,"wan":port("wan")}, nat66=True),
 "wifi": Shape({"lan":wifi,"wan":port("wan")}),
}
import json
want=sys.argv[1:] or list(S)
with house() as h:
    u("house")
    for name in want:
        try:
            with h.shaped(S[name]):
                u(name,"built")
                print(h.router.offload("apply",codes=(0,1,2,3,4)))
                u("applied")
                st=h.router.status()
                print([(d["name"],d["flowtables"],[r["code"] for r in d["reasons"]]) for d in st["devices"]], st["applied"]["error"], st["problems"])
                inside=[n for n in h.hosts if n not in OUTSIDE]
                calls=[(a,b,v,p) for a in inside for b in h.hosts if a!=b for v,p in ((4,"tcp"),(6,"tcp"),(4,"udp"))]
                calls+=[("wan","lan",4,"tcp"),("wan","lan",6,"udp")]
                if "vpn" in h.hosts: calls=[c for c in calls if not (c[0]=="vpn" and c[1]=="wan")]
                talks=[]
                for c in calls:
                    try: talks.append((c,h.call(*c)))
                    except Exception as e: u("CALL FAILED",c,e)
                u("called")
                for (c,t),s in zip(talks,h.watch([t for _,t in talks],60)):
                    u(c,s, "FAST" if s.fast(60) else "SLOW!!")
        except BaseException as e:
            traceback.print_exc()
    u("end")
