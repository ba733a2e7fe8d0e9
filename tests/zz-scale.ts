import { compile } from '../gateway-config/compile.ts';
import { toSnapshot } from '../gateway-config/resources/resources.ts';
import { VoidToken } from '../gateway-config/ir.ts';
import { compileInputOf } from '../gateway-config/testing/scenario.fixture.ts';
import { mergeState } from '../federation/model/merge.ts';
const P=Number(process.argv[2]??100), S=Number(process.argv[3]??1000);
const services=(n:number)=>Object.fromEntries(Array.from({length:S},(_,i)=>[`ns/svc-${i}`,{ports:[i%5===0?'5432 tcp db':'80 http web'],ready:{[i%5===0?5432:80]:n}}]));
const anchors=Object.fromEntries(Array.from({length:P+1},(_,i)=>[i===0?'a':`p${i}`,[Buffer.alloc(600,i).toString('base64')]]));
const scenario:any={site:{cluster:'a',network:'n'},local:Object.fromEntries(Array.from({length:S},(_,i)=>[`ns/svc-${i}`,{ports:[i%5===0?'5432 tcp db':'80 http web'],endpoints:Array.from({length:10},(_,k)=>({address:`10.0.${k}.${i%250}`,ports:{[i%5===0?'5432':80]:8080},ready:true}))}])),
 peers:Object.fromEntries(Array.from({length:P},(_,i)=>[`p${i+1}`,{network:`n${i}`,gateways:[{host:`192.0.2.${i%250}`}],services:services(3)}]))};
const token=new VoidToken('x');
const quiet={v:false};
const time=(what:string,f:()=>any)=>{const t=performance.now();const r=f();if(!quiet.v)console.log(what,(performance.now()-t).toFixed(1),'ms');return r;};
const input=time('scenario',()=>compileInputOf(scenario,{domain:'x.example',anchors,voidToken:token}));
const ir=time('compile',()=>compile(input));
const snap=time('snapshot',()=>toSnapshot(ir));
let last={input,ir,snap};
function step(what:string, next:any){ const i=time(what+' compile',()=>compile(next,last.ir)); const s=time(what+' snapshot',()=>toSnapshot(i,{ir:last.ir,snapshot:last.snap}));
 if(!quiet.v){let changed=0; for(const [t,m] of s.resources) for(const [n,r] of m) if(last.snap.resources.get(t)?.get(n)!==r) changed++; console.log('   changed',changed);} last={input:next,ir:i,snap:s}; }
const one=(k:number)=>{
 const peer=last.input.state.peers.get('p1' as any)!; const rec=peer.view.services.get('ns/svc-1' as any)!;
 const svc=new Map(peer.view.services); svc.set('ns/svc-1' as any,{...rec,ready:[{port:80,ready:k}]});
 const peers=new Map(last.input.state.peers); peers.set('p1' as any,{...peer,view:{...peer.view,services:svc}});
 return {...last.input,state:mergeState({self:'a' as any,own:last.input.state.own,peers},last.input.state)};
};
step('first',one(9));
quiet.v=true; const n=1500; let tot=0; const each:number[]=[]; for(let k=0;k<n;k++){ const nx=one(k%7); const t=performance.now(); step('x',nx); each.push(performance.now()-t);} each.sort((a,b)=>a-b); console.log('steady p50',each[n>>1]!.toFixed(2),'p99',each[n-4]!.toFixed(2)); quiet.v=false;
{ const l=new Map(last.input.local.services); const x=l.get('ns/svc-2' as any)!; l.set('ns/svc-2' as any,{...x,endpoints:x.endpoints.slice(1)}); step('local pod',{...last.input,local:{services:l}}); }
{ const l=new Map(last.input.local.services); const x=l.get('ns/svc-3' as any)!; l.set('ns/svc-3' as any,{...x,exported:false}); step('http export withdrawn',{...last.input,local:{services:l}}); }
{ const l=new Map(last.input.local.services); const x=l.get('ns/svc-5' as any)!; l.set('ns/svc-5' as any,{...x,exported:false}); step('tcp export withdrawn',{...last.input,local:{services:l}}); }
{ step('unhealthy',{...last.input,unhealthy:new Set(['ns/svc-7:80|10.0.1.7:8080'])}); }
{ step('nothing',{...last.input}); }
console.log('rss',(process.memoryUsage().rss/1e6).toFixed());
